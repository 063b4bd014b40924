#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "connection.hpp"
#include "dialect.hpp"
#include "drover/context.hpp"
#include "drover/services/store.hpp"

namespace drover::sqlite {

/// The one thread that writes. It takes all batches that wait, carries each out in a savepoint of its own
/// inside one transaction, and answers all of them after the one flush of its commit.
///
/// Thread-safety: every method may be called from any thread.
class Writer : public std::enable_shared_from_this<Writer> {
public:
    Writer(Context& context, std::string file);

    /// Opens the database. Errors: those of prepare_layout.
    Result<void> open();
    /// Blocks until nothing waits any more; false at the deadline.
    bool flush(std::chrono::milliseconds at_most);
    /// False when the thread hung.
    bool close(std::chrono::milliseconds at_most);

    Async<Result<Committed>> commit(Batch batch, std::shared_ptr<const Schema> schema, Deadline deadline);

    /// Runs `work` on the writer's connection, after everything that was handed over before.
    template <class T>
    Async<Result<T>> alone(std::function<Result<T>(Connection&)> work, Deadline deadline) {
        OneShot<T> answer;
        auto queued = enqueue({nullptr, [answer, work = std::move(work)](Result<Connection*> connection) mutable {
                                   if (connection) answer.set(work(**connection));
                                   else answer.set(connection.error());
                               }});
        if (!queued) co_return queued.error();
        co_return co_await answer.take(context_.clock(), deadline);
    }

    /// What the newest acknowledged commit has.
    std::int64_t position() const { return durable_.load(); }
    /// For work that ran alone and committed something of its own, on the writer's thread.
    void set_position(std::int64_t position) { durable_.store(position); }
    Health health() const;
    /// True until a commit succeeds again.
    bool in_trouble() const;
    /// Tries whether commits work. Errors: what still stands in the way.
    Async<Result<void>> probe(Deadline deadline);

private:
    /// One caller's batch.
    struct Pending {
        Batch batch;
        std::shared_ptr<const Schema> schema;  // owners: the store and what uses this schema
        std::size_t bytes = 0;
        OneShot<Committed> answer;
        std::atomic<bool> withdrawn{false};
    };
    using PendingPtr = std::shared_ptr<Pending>;  // owners: the caller and the queue
    using Group = std::vector<PendingPtr>;
    /// Either a batch or work that runs alone.
    struct Job {
        PendingPtr batch;
        std::function<void(Result<Connection*>)> alone;
    };

    Result<void> enqueue(Job job);
    void pump();
    bool take(Group& group, Job& alone);
    Result<Connection*> connection();
    void write(const Group& group);
    Result<Committed> perform(Connection& session, const Pending& pending, std::int64_t position, bool& wrote);
    Result<void> finish_group(Connection& session, std::int64_t position);
    void fail(const Group& group, const Error& error);
    void settle(const Group& group, const Error& error);
    Result<void> try_commit(Connection& session);
    Result<void> prune(Connection& session);
    void tend_log(Connection& session);
    void trouble(const Error& error);
    void well();

    Context& context_;
    const std::string file_;
    const SqliteDialect dialect_;
    std::unique_ptr<BlockingPool> pool_;

    mutable std::mutex mutex_;
    std::deque<Job> queue_;             // guarded by mutex_
    std::size_t queued_bytes_ = 0;      // guarded by mutex_
    bool pumping_ = false;              // guarded by mutex_
    std::optional<Error> trouble_;      // guarded by mutex_
    std::optional<Error> log_trouble_;  // guarded by mutex_
    std::condition_variable idle_;

    std::atomic<std::int64_t> durable_{0};

    // Of the writer's thread alone, after `open`.
    std::unique_ptr<Connection> connection_;
    int seen_pages_ = 0;
    int checkpoint_at_ = 0;
    std::int64_t noted_since_prune_ = 0;
    TimePoint last_prune_{};

    Counter& commits_;
    Counter& refusals_;
    Histogram& group_size_;
    Histogram& commit_seconds_;
};

}  // namespace drover::sqlite
