#include "drover/sync.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

#include "drover/facade.hpp"

namespace drover {

Error error_of(std::exception_ptr exception) {
    try {
        std::rethrow_exception(std::move(exception));
    } catch (const boost::system::system_error& failure) {
        if (failure.code() == boost::asio::error::operation_aborted)
            return Error(Errc::cancelled, "the caller withdrew");
        return Error(Errc::internal, std::string("unexpected failure: ") + failure.what());
    } catch (const CallFailed& failure) {
        return failure.error();
    } catch (const std::exception& failure) {
        return Error(Errc::internal, std::string("unexpected exception: ") + failure.what());
    } catch (...) {
        return Error(Errc::internal, "unexpected exception of an unknown type");
    }
}

Error wait_error(WaitOutcome outcome, std::string_view what) {
    if (outcome == WaitOutcome::cancelled)
        return Error(Errc::cancelled, "the caller withdrew while waiting for " + std::string(what));
    return Error(Errc::timeout, "the deadline passed while waiting for " + std::string(what));
}

namespace detail {

void WaitList::add(WaiterPtr waiter) {
    // Waiters that timed out or were cancelled stay until they are met; do not let them pile up.
    if (waiters_.size() >= prune_at_) {
        std::erase_if(waiters_, [](const WaiterPtr& w) { return w->done(); });
        prune_at_ = std::max<std::size_t>(16, waiters_.size() * 2);
    }
    waiters_.push_back(std::move(waiter));
}

bool WaitList::wake_one() {
    while (!waiters_.empty()) {
        const auto waiter = std::move(waiters_.front());
        waiters_.pop_front();
        if (waiter->finish(WaitOutcome::signalled)) return true;
    }
    return false;
}

void WaitList::wake_all() {
    for (const auto& waiter : std::exchange(waiters_, {})) waiter->finish(WaitOutcome::signalled);
}

}  // namespace detail

bool Gate::open() {
    const std::lock_guard lock(mutex_);
    if (std::exchange(open_, true)) return false;
    waiters_.wake_all();
    return true;
}

bool Gate::is_open() const {
    const std::lock_guard lock(mutex_);
    return open_;
}

Async<Result<void>> Gate::wait_on(Clock* clock, Deadline deadline) {
    if (is_open()) co_return ok;
    const auto outcome = co_await detail::wait(clock, deadline, [this](detail::WaiterPtr waiter) {
        const std::lock_guard lock(mutex_);
        if (open_) waiter->finish(WaitOutcome::signalled);
        else waiters_.add(std::move(waiter));
    });
    if (outcome == WaitOutcome::signalled) co_return ok;
    co_return wait_error(outcome, "a signal");
}

Async<Result<void>> Gate::wait() { return wait_on(nullptr, Deadline::never()); }
Async<Result<void>> Gate::wait(Clock& clock, Deadline deadline) { return wait_on(&clock, deadline); }

/// A place in the queue. A permit handed to a ticket whose waiter gave up is handed on.
struct Semaphore::Ticket {
    detail::WaiterPtr waiter;
    bool granted = false;  // guarded by the semaphore's mutex
};

Async<Result<Semaphore::Permit>> Semaphore::acquire(Clock& clock, Deadline deadline) {
    if (auto permit = try_acquire()) co_return std::move(*permit);
    const auto ticket = std::make_shared<Ticket>();
    const auto outcome = co_await detail::wait(&clock, deadline, [this, &ticket](detail::WaiterPtr waiter) {
        const std::lock_guard lock(mutex_);
        if (free_ > 0) {
            --free_;
            ticket->granted = true;
            waiter->finish(WaitOutcome::signalled);
            return;
        }
        ticket->waiter = std::move(waiter);
        queue_.push_back(ticket);
    });
    {
        const std::lock_guard lock(mutex_);
        if (!ticket->granted) std::erase(queue_, ticket);
    }
    if (ticket->granted) {
        Permit permit(this);
        if (outcome == WaitOutcome::signalled) co_return std::move(permit);
    }
    co_return wait_error(outcome, "a free place");
}

std::optional<Semaphore::Permit> Semaphore::try_acquire() {
    const std::lock_guard lock(mutex_);
    if (free_ == 0 || !queue_.empty()) return std::nullopt;
    --free_;
    return Permit(this);
}

std::size_t Semaphore::waiting() const {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

void Semaphore::release() {
    const std::lock_guard lock(mutex_);
    while (!queue_.empty()) {
        const auto ticket = std::move(queue_.front());
        queue_.pop_front();
        // Granted before finish: the waiter reads it after it was resumed.
        ticket->granted = true;
        if (ticket->waiter->finish(WaitOutcome::signalled)) return;
        ticket->granted = false;
    }
    ++free_;
}

Async<Result<void>> sleep_until(Clock& clock, Deadline deadline) {
    const auto outcome = co_await detail::wait(&clock, deadline, [](const detail::WaiterPtr&) {});
    if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "the time to come");
    co_return ok;
}

}  // namespace drover
