#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

#include "drover/async.hpp"
#include "drover/clock.hpp"

/// What coroutines wait on. All of it may be signalled from any thread, also from foreign ones: the
/// waiter is resumed on its own executor, never inline. Every wait honours the caller's cancellation
/// at once and, where it takes one, a deadline.
namespace [[gnu::visibility("default")]] drover {

enum class WaitOutcome : unsigned char { signalled, timeout, cancelled };

/// The error for a wait that did not end well: "timed out waiting for WHAT".
Error wait_error(WaitOutcome outcome, std::string_view what);

namespace detail {

/// One coroutine that waits. Shared by the list it waits in, its timer and its cancellation slot;
/// the first to call `finish` resumes it.
class Waiter {
public:
    virtual ~Waiter() = default;
    /// True for the one call that decided the outcome.
    bool finish(WaitOutcome outcome) {
        if (done_.exchange(true)) return false;
        resume(outcome);
        return true;
    }
    bool done() const { return done_.load(); }

private:
    virtual void resume(WaitOutcome outcome) = 0;
    std::atomic<bool> done_{false};
};

using WaiterPtr = std::shared_ptr<Waiter>;

/// Waits in arrival order. Not synchronised: the owner's mutex guards it.
class WaitList {
public:
    void add(WaiterPtr waiter);
    /// Resumes the longest waiting one that still waits; false when there was none.
    bool wake_one();
    void wake_all();
    bool empty() const { return waiters_.empty(); }

private:
    std::deque<WaiterPtr> waiters_;
    std::size_t prune_at_ = 16;
};

template <class Handler>
class HandlerWaiter final : public Waiter, public std::enable_shared_from_this<HandlerWaiter<Handler>> {
public:
    explicit HandlerWaiter(Handler handler)
        : executor_(boost::asio::get_associated_executor(handler)), handler_(std::move(handler)) {}

    /// A waiter that is in no list and has no timer (cancellation alone ends it) must live on.
    void keep_until_resumed() {
        if (!this->done()) self_ = this->shared_from_this();
    }

private:
    void resume(WaitOutcome outcome) override {
        boost::asio::post(executor_, [self = this->shared_from_this(), outcome] {
            auto handler = std::move(*self->handler_);
            self->handler_.reset();
            self->self_.reset();
            boost::asio::get_associated_cancellation_slot(handler).clear();
            std::move(handler)(outcome);
        });
    }
    boost::asio::associated_executor_t<Handler> executor_;
    std::optional<Handler> handler_;
    std::shared_ptr<HandlerWaiter> self_;  // owner: itself, until it is resumed
};

/// Suspends the caller. `enlist(WaiterPtr)` puts it into some list, under that list's mutex, and may
/// finish it on the spot when there is nothing to wait for.
///
/// Requires: the coroutine runs on a strand of its own, as TaskGroup and block_on give it; so it is
/// never resumed while it is still enlisting, and its cancellation is never raced.
template <class Enlist>
Async<WaitOutcome> wait(Clock* clock, Deadline deadline, Enlist enlist) {
    std::optional<Clock::TimerId> timer;
    const auto initiate = [&](auto handler) {
        using Handler = std::decay_t<decltype(handler)>;
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        const auto waiter = std::make_shared<HandlerWaiter<Handler>>(std::move(handler));
        const auto finish_as = [weak = std::weak_ptr<Waiter>(waiter)](WaitOutcome outcome) {
            if (const auto alive = weak.lock()) alive->finish(outcome);
        };
        if (slot.is_connected())
            slot.assign([finish_as](boost::asio::cancellation_type) { finish_as(WaitOutcome::cancelled); });
        enlist(WaiterPtr(waiter));
        if (clock && !deadline.is_never() && !waiter->done())
            timer = clock->call_at(deadline.at(), [finish_as] { finish_as(WaitOutcome::timeout); });
        waiter->keep_until_resumed();
    };
    using Token = boost::asio::use_awaitable_t<Executor>;
    const auto outcome = co_await boost::asio::async_initiate<const Token, void(WaitOutcome)>(initiate, Token{});
    if (timer) clock->cancel(*timer);
    co_return outcome;
}

}  // namespace detail

/// A door that opens once and stays open; any number may wait in front of it.
class Gate {
public:
    /// Lets everybody through. True for the call that opened it.
    bool open();
    bool is_open() const;
    /// Errors: cancelled.
    Async<Result<void>> wait();
    /// Errors: cancelled, timeout.
    Async<Result<void>> wait(Clock& clock, Deadline deadline);

private:
    Async<Result<void>> wait_on(Clock* clock, Deadline deadline);
    mutable std::mutex mutex_;
    bool open_ = false;         // guarded by mutex_
    detail::WaitList waiters_;  // guarded by mutex_
};

/// A value that arrives once, from any thread. Copies share it; the last one frees it.
template <class T>
class OneShot {
public:
    OneShot() : state_(std::make_shared<State>()) {}

    /// True for the first call; later values are dropped.
    bool set(Result<T> value) {
        {
            const std::lock_guard lock(state_->mutex);
            if (state_->value) return false;
            state_->value.emplace(std::move(value));
        }
        state_->gate.open();
        return true;
    }
    bool is_set() const { return state_->gate.is_open(); }

    /// Takes the value; for one waiter. Errors: what was set, cancelled.
    Async<Result<T>> take() {
        auto state = state_;
        auto waited = co_await state->gate.wait();
        if (!waited) co_return waited.error();
        co_return std::move(*state->value);
    }
    /// Errors: what was set, cancelled, timeout.
    Async<Result<T>> take(Clock& clock, Deadline deadline) {
        auto state = state_;
        auto waited = co_await state->gate.wait(clock, deadline);
        if (!waited) co_return waited.error();
        co_return std::move(*state->value);
    }

private:
    struct State {
        std::mutex mutex;
        std::optional<Result<T>> value;  // guarded by mutex until the gate is open
        Gate gate;
    };
    std::shared_ptr<State> state_;  // owners: the copies of this handle
};

/// A number of permits, given in arrival order. `Semaphore(1)` is a mutex for coroutines.
class Semaphore {
public:
    explicit Semaphore(std::size_t permits) : free_(permits) {}

    /// Gives its permit back when it dies.
    class [[nodiscard]] Permit {
    public:
        Permit() = default;
        explicit Permit(Semaphore* from) : from_(from) {}
        Permit(Permit&& other) noexcept : from_(std::exchange(other.from_, nullptr)) {}
        Permit& operator=(Permit&& other) noexcept {
            std::swap(from_, other.from_);
            return *this;
        }
        ~Permit() {
            if (from_) from_->release();
        }

    private:
        Semaphore* from_ = nullptr;
    };

    /// Errors: cancelled, timeout.
    Async<Result<Permit>> acquire(Clock& clock, Deadline deadline = Deadline::never());
    std::optional<Permit> try_acquire();
    std::size_t waiting() const;

private:
    void release();
    struct Ticket;
    mutable std::mutex mutex_;
    std::size_t free_;                           // guarded by mutex_
    std::deque<std::shared_ptr<Ticket>> queue_;  // guarded by mutex_
};

/// A bounded queue from any thread to coroutines.
template <class T>
class Mailbox {
public:
    explicit Mailbox(std::size_t capacity) : capacity_(capacity) {}

    /// False when it is full or closed; the item is dropped then.
    bool push(T item) {
        const std::lock_guard lock(mutex_);
        if (closed_ || items_.size() >= capacity_) return false;
        items_.push_back(std::move(item));
        waiters_.wake_one();
        return true;
    }
    /// What is in it can still be taken; then every wait ends with `why`.
    void close(Error why) {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        closed_ = std::move(why);
        waiters_.wake_all();
    }
    std::optional<T> try_next() {
        const std::lock_guard lock(mutex_);
        return pop();
    }
    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return items_.size();
    }

    /// The oldest item, as soon as there is one. Errors: the reason given to `close`, cancelled, timeout.
    Async<Result<T>> next(Clock& clock, Deadline deadline = Deadline::never()) {
        for (;;) {
            const auto outcome = co_await detail::wait(&clock, deadline, [this](detail::WaiterPtr waiter) {
                const std::lock_guard lock(mutex_);
                if (!items_.empty() || closed_) waiter->finish(WaitOutcome::signalled);
                else waiters_.add(std::move(waiter));
            });
            const std::lock_guard lock(mutex_);
            if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "the next item");
            if (auto item = pop()) co_return std::move(*item);
            if (closed_) co_return *closed_;
            if (outcome == WaitOutcome::timeout) co_return wait_error(outcome, "the next item");
        }
    }

private:
    std::optional<T> pop() {
        if (items_.empty()) return std::nullopt;
        std::optional<T> item(std::move(items_.front()));
        items_.pop_front();
        return item;
    }
    mutable std::mutex mutex_;
    const std::size_t capacity_;
    std::deque<T> items_;          // guarded by mutex_
    std::optional<Error> closed_;  // guarded by mutex_
    detail::WaitList waiters_;     // guarded by mutex_
};

/// Suspends until `deadline`. Errors: cancelled.
Async<Result<void>> sleep_until(Clock& clock, Deadline deadline);
inline Async<Result<void>> sleep_for(Clock& clock, Duration wait) {
    return sleep_until(clock, Deadline::in(clock, wait));
}

}  // namespace drover
