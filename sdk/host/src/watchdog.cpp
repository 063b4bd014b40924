#include "watchdog.hpp"

#include <pthread.h>
#include <boost/asio/execution/executor.hpp>

namespace drover::host {

namespace asio = boost::asio;

namespace {

/// How often the threads are looked at: so soon after its time a handler that still runs is named.
constexpr auto kLookEvery = std::chrono::milliseconds(10);

/// An executor that says in whose name it runs what it runs. All else is the executor's within.
class WatchedExecutor {
public:
    WatchedExecutor(Executor inner, Watchdog::Who who) noexcept : inner_(std::move(inner)), who_(std::move(who)) {}

    const Executor& inner() const { return inner_; }

    template <class Property>
    requires(asio::can_query<const Executor&, Property>::value) decltype(auto) query(const Property& property) const {
        return asio::query(inner_, property);
    }
    template <class Property>
    requires(asio::can_require<const Executor&, Property>::value) WatchedExecutor require(const Property& property)
    const { return {asio::require(inner_, property), who_}; }
    template <class Property>
    requires(asio::can_prefer<const Executor&, Property>::value) WatchedExecutor prefer(const Property& property)
    const { return {asio::prefer(inner_, property), who_}; }
    template <class Work>
    void execute(Work&& work) const {
        inner_.execute([who = who_, work = std::forward<Work>(work)]() mutable {
            const Watchdog::Handling handling(std::move(who));
            std::move(work)();
        });
    }
    bool operator==(const WatchedExecutor& other) const noexcept {
        return inner_ == other.inner_ && who_ == other.who_;
    }
    bool operator!=(const WatchedExecutor& other) const noexcept { return !(*this == other); }

private:
    Executor inner_;
    Watchdog::Who who_;
};

}  // namespace

thread_local Watchdog::Thread* Watchdog::this_thread_ = nullptr;

Watchdog::Watchdog(Logger log) : log_(std::move(log)), looking_([this] { look(); }) {
    pthread_setname_np(looking_.native_handle(), "watchdog");
}

Watchdog::~Watchdog() {
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopping_.notify_all();
    looking_.join();
}

void Watchdog::run_thread(const std::function<void()>& work) {
    Thread thread;
    thread.watchdog = this;
    {
        const std::lock_guard lock(mutex_);
        threads_.push_back(&thread);
    }
    this_thread_ = &thread;
    work();
    this_thread_ = nullptr;
    const std::lock_guard lock(mutex_);
    std::erase(threads_, &thread);
}

Executor Watchdog::watch(Executor executor, std::string who) {
    const auto* watched = executor.target<WatchedExecutor>();
    return WatchedExecutor(watched ? watched->inner() : executor, std::make_shared<const std::string>(std::move(who)));
}

Watchdog::Handling::Handling(Who who) {
    if (this_thread_) outer_ = turn_to(*this_thread_, std::move(who));
}

Watchdog::Handling::~Handling() {
    if (this_thread_) turn_to(*this_thread_, std::move(outer_));
}

Watchdog::Who Watchdog::turn_to(Thread& thread, Who next) {
    const auto now = std::chrono::steady_clock::now();
    Who ended;
    TimePoint::duration held{};
    {
        const std::lock_guard lock(thread.mutex);
        held = now - thread.since;
        thread.since = now;
        thread.reported = false;
        ended = std::exchange(thread.who, std::move(next));
    }
    if (ended && held >= kPatience)
        thread.watchdog->report("a handler held a thread of the executor for too long", ended, held);
    return ended;
}

void Watchdog::look() {
    std::unique_lock lock(mutex_);
    while (!stopping_.wait_for(lock, kLookEvery, [&] { return stop_; })) {
        const auto now = std::chrono::steady_clock::now();
        for (auto* thread : threads_) {
            const std::lock_guard thread_lock(thread->mutex);
            if (!thread->who || thread->reported || now - thread->since < kPatience) continue;
            thread->reported = true;
            report("a handler holds a thread of the executor; whatever waits there waits for it", thread->who,
                   now - thread->since);
        }
    }
}

void Watchdog::report(std::string_view message, const Who& who, TimePoint::duration held) const {
    log_.warning(message,
                 {{"plugin", *who}, {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(held).count()}});
}

}  // namespace drover::host
