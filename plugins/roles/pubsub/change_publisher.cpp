#include "change_publisher.hpp"

namespace drover::rest {

namespace {

using namespace std::chrono_literals;

constexpr auto* kLock = "RESOURCE.CHANGE.PUBLISH";
constexpr std::size_t kMostChanged = 100'000;  // of one interval
/// A leader that dies is missed for as long as its session lives; what changed meanwhile is told by the next one.
constexpr std::size_t kRememberUnled = 10;

}  // namespace

Async<void> ChangePublisher::collect(EventSubscription changes) {
    for (;;) {
        auto item = co_await changes.next(clock_);
        if (!item) co_return;
        const auto* event = std::get_if<Event>(&*item);
        if (!event || event->resource_type.empty() || event->resource_id.empty()) continue;
        const std::lock_guard lock(mutex_);
        if (changed_.size() < kMostChanged) changed_.emplace(event->resource_type, event->resource_id);
    }
}

ChangePublisher::Resources ChangePublisher::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(changed_, {});
}

Async<Result<bool>> ChangePublisher::lead() {
    {
        const std::lock_guard lock(mutex_);
        if (lease_ && !lease_->lost()) co_return true;
        lease_.reset();
    }
    auto lease = co_await locks_.acquire(std::string(kLock), Deadline(clock_.now()));
    if (!lease) {
        if (lease.error().code() == Errc::cancelled) co_return lease.error();
        co_return false;
    }
    log_.info("this server publishes resource.change now");
    const std::lock_guard lock(mutex_);
    lease_ = std::move(*lease);
    co_return true;
}

Async<void> ChangePublisher::publish() {
    for (;;) {
        auto slept = co_await sleep_for(clock_, interval_());
        if (!slept) co_return;
        auto changed = take();
        const auto leads = co_await lead();
        if (!leads) co_return;
        if (!*leads) {
            unled_.push_back(std::move(changed));
            if (unled_.size() > kRememberUnled) unled_.pop_front();
            continue;
        }
        for (auto& before : std::exchange(unled_, {})) changed.merge(before);
        for (const auto& [type, id] : changed) {
            Event event;
            event.name = "resource.change";
            event.resource_type = type;
            event.resource_id = id;
            auto publishing = events_.publish(std::move(event));
            const auto published = co_await std::move(publishing);
            if (published) continue;
            if (published.error().code() == Errc::cancelled) co_return;
            log_.warning("resource.change could not be published", {{"why", published.error().message()}});
            break;
        }
    }
}

Async<Result<void>> ChangePublisher::release() {
    std::optional<Lease> lease;
    {
        const std::lock_guard lock(mutex_);
        lease.swap(lease_);
    }
    if (!lease) co_return ok;
    auto releasing = locks_.release(std::move(*lease));
    co_return co_await std::move(releasing);
}

}  // namespace drover::rest
