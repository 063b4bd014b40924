#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "connection.hpp"
#include "drover/context.hpp"

namespace drover::sqlite {

/// A few connections that only read, each with its thread. Each read sees every commit acknowledged before
/// it began.
///
/// Thread-safety: every method may be called from any thread.
class Readers : public std::enable_shared_from_this<Readers> {
public:
    Readers(Context& context, std::string file, std::size_t threads);

    /// Opens the first connection. While one is open, SQLite keeps what the log holds in shared memory, and
    /// a commit that failed cannot come back by a recovery.
    Result<void> open();
    /// False when a thread hung.
    bool close(std::chrono::milliseconds at_most);

    /// Runs `work` on a thread with a connection. When the caller withdrew, the statement is given up.
    template <class T>
    Async<Result<T>> read(std::function<Result<T>(Connection&)> work, Deadline deadline) {
        const auto wanted = std::make_shared<std::atomic<bool>>(true);  // owners: this call and its job
        const Withdrawal withdrawal(wanted);
        auto job = [self = shared_from_this(), wanted, work = std::move(work)]() -> Result<T> {
            auto connection = self->take();
            if (!connection) return connection.error();
            (*connection)->give_up_when([wanted] { return !wanted->load(std::memory_order_relaxed); });
            auto result = work(**connection);
            (*connection)->roll_back();
            (*connection)->give_up_when(nullptr);
            self->give_back(std::move(*connection), result ? nullptr : &result.error());
            return result;
        };
        co_return co_await blocking(*pool_, context_.clock(), deadline, std::move(job));
    }

    /// The file turned out to be damaged.
    bool damaged() const { return damaged_.load(); }

private:
    class Withdrawal {
    public:
        explicit Withdrawal(std::shared_ptr<std::atomic<bool>> wanted) : wanted_(std::move(wanted)) {}
        Withdrawal(const Withdrawal&) = delete;
        Withdrawal& operator=(const Withdrawal&) = delete;
        ~Withdrawal() { wanted_->store(false, std::memory_order_relaxed); }

    private:
        std::shared_ptr<std::atomic<bool>> wanted_;  // owners: as in read
    };

    Result<std::unique_ptr<Connection>> take();
    void give_back(std::unique_ptr<Connection> connection, const Error* failure);

    Context& context_;
    const std::string file_;
    const std::size_t threads_;
    std::unique_ptr<BlockingPool> pool_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Connection>> free_;  // guarded by mutex_
    std::atomic<bool> damaged_{false};
};

}  // namespace drover::sqlite
