#include "drover/host/runtime.hpp"

#include <pthread.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#ifdef DROVER_WATCHDOG
#include "watchdog.hpp"
#endif

namespace drover::host {

namespace asio = boost::asio;

namespace {

/// Real time, with one Asio timer for each call.
class SystemClock final : public Clock {
public:
    explicit SystemClock(asio::io_context& context) : context_(context) {}

    TimePoint now() const override { return std::chrono::steady_clock::now(); }
    WallTime wall() const override {
        return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    }
    TimerId call_at(TimePoint when, std::function<void()> fire) override {
        auto timer = std::make_unique<asio::steady_timer>(
            context_, std::chrono::time_point_cast<std::chrono::steady_clock::duration>(when));
        const std::lock_guard lock(mutex_);
        const auto id = next_++;
        timer->async_wait([this, id, fire = std::move(fire)](const boost::system::error_code&) {
            {
                const std::lock_guard relock(mutex_);
                if (timers_.erase(id) == 0) return;  // cancelled
            }
            run(fire);
        });
        timers_.emplace(id, std::move(timer));
        return id;
    }
    void cancel(TimerId id) override {
        std::unique_ptr<asio::steady_timer> timer;
        const std::lock_guard lock(mutex_);
        const auto found = timers_.find(id);
        if (found == timers_.end()) return;
        timer = std::move(found->second);
        timers_.erase(found);
    }

private:
    static void run(const std::function<void()>& fire) {
#ifdef DROVER_WATCHDOG
        static const auto kWho = std::make_shared<const std::string>("a timer");
        const Watchdog::Handling handling(kWho);
#endif
        fire();
    }
    asio::io_context& context_;
    std::mutex mutex_;
    TimerId next_ = 1;                                                         // guarded by mutex_
    std::unordered_map<TimerId, std::unique_ptr<asio::steady_timer>> timers_;  // guarded by mutex_
};

}  // namespace

struct Runtime::State {
    explicit State(std::size_t concurrency) : context(static_cast<int>(concurrency)), clock(context) {}
    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
    SystemClock clock;
#ifdef DROVER_WATCHDOG
    std::unique_ptr<Watchdog> watchdog;
#endif
    std::vector<std::thread> threads;

    void run() {
#ifdef DROVER_WATCHDOG
        watchdog->run_thread([this] { context.run(); });
#else
        context.run();
#endif
    }
};

Runtime::Runtime(std::size_t threads, std::optional<Logger> log) : state_(std::make_unique<State>(threads)) {
#ifdef DROVER_WATCHDOG
    if (!log) log.emplace(make_log_sink(LogFormat::text, LogLevel::warning), "executor");
    state_->watchdog = std::make_unique<Watchdog>(*log);
#else
    (void)log;
#endif
    for (std::size_t i = 0; i < threads; ++i) {
        state_->threads.emplace_back([state = state_.get()] { state->run(); });
        pthread_setname_np(state_->threads.back().native_handle(), "executor");
    }
}

Runtime::~Runtime() {
    state_->work.reset();
    state_->context.stop();
    for (auto& thread : state_->threads) thread.join();
}

Executor Runtime::executor() { return named(state_->context.get_executor(), "kernel"); }
Clock& Runtime::clock() { return state_->clock; }
std::size_t Runtime::threads() const { return state_->threads.size(); }

Executor named(Executor executor, [[maybe_unused]] const std::string& who) {
#ifdef DROVER_WATCHDOG
    return Watchdog::watch(std::move(executor), who);
#else
    return executor;
#endif
}

}  // namespace drover::host
