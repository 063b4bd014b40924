#pragma once

#include <functional>
#include <memory>
#include <string>

#include "drover/sync.hpp"

namespace [[gnu::visibility("default")]] drover {

/// A plugin's own bounded threads for a client that blocks. A stuck database fills its own pool only.
///
/// Thread-safety: every method may be called from any thread.
class BlockingPool {
public:
    /// `name` is what the threads bear; at most `queue` jobs wait for one of `threads`.
    BlockingPool(std::string name, std::size_t threads, std::size_t queue);
    ~BlockingPool();
    BlockingPool(const BlockingPool&) = delete;
    BlockingPool& operator=(const BlockingPool&) = delete;

    /// Hands `job` to a thread; it must not throw. False when the queue is full or the pool closed.
    bool submit(std::function<void()> job);
    /// Takes no more jobs; false when jobs still ran at the deadline (their threads are left behind then).
    bool close(std::chrono::milliseconds at_most);
    std::size_t queued() const;

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: the pool and its threads
};

/// Runs `work`, which returns `Result<T>`, on a thread of `pool` and suspends until it is done.
/// A caller who withdraws gets `cancelled` at once; the work runs on and its result is dropped, so
/// `work` must own what it touches. Errors: the work's, exhausted (queue full), cancelled, timeout.
template <class F>
auto blocking(BlockingPool& pool, Clock& clock, Deadline deadline, F work) -> Async<std::invoke_result_t<F&>> {
    using R = std::invoke_result_t<F&>;
    static_assert(is_result<R>, "blocking work returns a Result<T>");
    OneShot<typename R::value_type> done;
    const bool queued = pool.submit([done, work = std::make_shared<F>(std::move(work))]() mutable {
        try {
            done.set((*work)());
        } catch (...) {
            done.set(error_of(std::current_exception()));
        }
    });
    if (!queued)
        co_return Error(Errc::exhausted, "too many calls wait for this service",
                        "Retry later; if it lasts, the backend is too slow or the pool too small.");
    co_return co_await done.take(clock, deadline);
}

}  // namespace drover
