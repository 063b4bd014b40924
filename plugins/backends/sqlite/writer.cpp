#include "writer.hpp"

#include <algorithm>

#include "errors.hpp"
#include "layout.hpp"
#include "sql/batch.hpp"
#include "sql/ledger.hpp"

namespace drover::sqlite {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostWaiting = 16'384;
constexpr std::size_t kMostWaitingBytes = 128 * 1024 * 1024;
constexpr std::size_t kLargestGroup = 512;
constexpr std::size_t kLargestGroupBytes = 16 * 1024 * 1024;
/// Of the log; about 8 MB. A checkpoint of so many costs some ten milliseconds.
constexpr int kCheckpointPages = 2'000;
/// Readers kept the log from beginning anew for so long that it is worth making them wait a little.
constexpr int kPatientPages = 16 * kCheckpointPages;
constexpr auto kRemembered = 1h;
constexpr auto kPruneEvery = 1s;

std::size_t bytes_of(const Value& value) { return 16 + value.text().size(); }

std::size_t bytes_of(const Batch& batch) {
    std::size_t bytes = 256;
    for (const auto& operation : batch.operations)
        std::visit(
            [&](const auto& one) {
                bytes += 64;
                if constexpr (requires { one.values; })
                    for (const auto& [name, term] : one.values)
                        bytes += std::holds_alternative<Value>(term) ? bytes_of(std::get<Value>(term)) : 16;
                if constexpr (requires { one.expect; })
                    for (const auto& expectation : one.expect) bytes += bytes_of(expectation.value);
            },
            operation);
    return bytes;
}

Error closed() { return Error(Errc::unavailable, "the store is closed"); }

}  // namespace

Writer::Writer(Context& context, std::string file)
    : context_(context),
      file_(std::move(file)),
      commits_(context.metrics().counter("drover_store_commits_total", "Batches committed",
                                         {{"instance", context.instance()}, {"outcome", "done"}})),
      refusals_(context.metrics().counter("drover_store_commits_total", "Batches committed",
                                          {{"instance", context.instance()}, {"outcome", "refused"}})),
      group_size_(context.metrics().histogram("drover_store_group_batches", "Batches that shared one flush",
                                              {{"instance", context.instance()}},
                                              {1, 2, 4, 8, 16, 32, 64, 128, 256, 512})),
      commit_seconds_(context.metrics().histogram("drover_store_flush_seconds", "Time of one group commit",
                                                  {{"instance", context.instance()}})) {}

Result<void> Writer::open() {
    auto opened = Connection::open(file_, Connection::Role::writer);
    if (!opened) return opened.error();
    if (auto prepared = prepare_layout(**opened, file_); !prepared) return prepared;
    const auto position = sql::read_position(**opened);
    if (!position) return position.error();
    durable_.store(*position);
    connection_ = std::move(*opened);
    pool_ = context_.make_blocking_pool(1, 4);
    return ok;
}

bool Writer::flush(std::chrono::milliseconds at_most) {
    std::unique_lock lock(mutex_);
    return idle_.wait_for(lock, at_most, [&] { return !pumping_; });
}

bool Writer::close(std::chrono::milliseconds at_most) {
    if (pool_ && !pool_->close(at_most)) return false;
    if (connection_) (void)connection_->checkpoint(false);
    connection_.reset();
    return true;
}

Async<Result<Committed>> Writer::commit(Batch batch, std::shared_ptr<const Schema> schema, Deadline deadline) {
    /// Nobody waits for the answer once the caller is gone; what has not begun then is not begun.
    struct Withdrawal {
        PendingPtr pending;
        ~Withdrawal() { pending->withdrawn.store(true, std::memory_order_relaxed); }
    };
    const auto pending = std::make_shared<Pending>();
    pending->bytes = bytes_of(batch);
    pending->batch = std::move(batch);
    pending->schema = std::move(schema);
    const Withdrawal withdrawal{pending};
    auto answer = pending->answer;
    if (auto queued = enqueue({pending, nullptr}); !queued) co_return queued.error();
    co_return co_await answer.take(context_.clock(), deadline);
}

Result<void> Writer::enqueue(Job job) {
    const std::lock_guard lock(mutex_);
    const auto bytes = job.batch ? job.batch->bytes : 0;
    if (queue_.size() >= kMostWaiting || queued_bytes_ + bytes > kMostWaitingBytes)
        return Error(Errc::exhausted, "too many batches wait to be committed: " + std::to_string(queue_.size()),
                     "Retry later; if it lasts, the disk is too slow for this load.");
    queue_.push_back(std::move(job));
    queued_bytes_ += bytes;
    if (pumping_) return ok;
    if (!pool_ || !pool_->submit([self = shared_from_this()] { self->pump(); })) {
        queue_.pop_back();
        queued_bytes_ -= bytes;
        return closed();
    }
    pumping_ = true;
    return ok;
}

void Writer::pump() {
    Group group;
    Job alone;
    while (take(group, alone)) {
        if (alone.alone) {
            alone.alone(connection());
            if (connection_) connection_->roll_back();
        } else {
            write(group);
        }
        if (connection_) tend_log(*connection_);
    }
}

/// The next batches that may share a transaction, or one piece of work alone; false when nothing waits.
bool Writer::take(Group& group, Job& alone) {
    group.clear();
    alone = {};
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
        pumping_ = false;
        idle_.notify_all();
        return false;
    }
    if (queue_.front().alone) {
        alone = std::move(queue_.front());
        queue_.pop_front();
        return true;
    }
    std::size_t bytes = 0;
    while (!queue_.empty() && queue_.front().batch && group.size() < kLargestGroup &&
           (group.empty() || bytes + queue_.front().batch->bytes <= kLargestGroupBytes)) {
        bytes += queue_.front().batch->bytes;
        group.push_back(std::move(queue_.front().batch));
        queue_.pop_front();
    }
    queued_bytes_ -= bytes;
    return true;
}

/// The writer's connection, opened anew after the disk failed.
Result<Connection*> Writer::connection() {
    if (connection_) return connection_.get();
    auto opened = Connection::open(file_, Connection::Role::writer);
    if (!opened) return opened.error();
    if (auto works = try_commit(**opened); !works) return works.error();
    const auto position = sql::read_position(**opened);
    if (!position) return position.error();
    durable_.store(*position);
    connection_ = std::move(*opened);
    well();
    return connection_.get();
}

void Writer::write(const Group& group) {
    const auto session = connection();
    if (!session) return fail(group, session.error());
    auto& database = **session;
    if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) {
        trouble(begun.error());
        return fail(group, begun.error());
    }
    const auto began = context_.clock().now();
    std::vector<std::optional<Result<Committed>>> answers(group.size());
    auto position = durable_.load();
    bool any_wrote = false;
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (group[i]->withdrawn.load(std::memory_order_relaxed)) continue;
        bool wrote = false;
        answers[i] = perform(database, *group[i], position + 1, wrote);
        if (wrote) ++position;
        any_wrote = any_wrote || wrote;
        if (*answers[i] || is_own_fault(answers[i]->error())) continue;
        const auto error = answers[i]->error();
        database.roll_back();
        trouble(error);
        if (error.code() != Errc::exhausted || group.size() == 1) return fail(group, error);
        // Where one large batch finds no room, its small neighbours may.
        for (const auto& one : group) write({one});
        return;
    }
    if (any_wrote) {
        auto done = finish_group(database, position);
        if (!done) {
            database.roll_back();
            return settle(group, done.error());
        }
        durable_.store(position);
        well();
        group_size_.observe(static_cast<double>(group.size()));
        commit_seconds_.observe(std::chrono::duration<double>(context_.clock().now() - began).count());
    } else {
        database.roll_back();
    }
    // Not before: a refusal may rest on what a neighbour wrote, and that is true only now.
    for (std::size_t i = 0; i < group.size(); ++i) {
        if (!answers[i]) continue;
        (*answers[i] ? commits_ : refusals_).add();
        group[i]->answer.set(std::move(*answers[i]));
    }
}

Result<Committed> Writer::perform(Connection& session, const Pending& pending, std::int64_t position, bool& wrote) {
    const auto& batch = pending.batch;
    if (!batch.id.empty()) {
        auto before = sql::find_batch(session, batch.id);
        if (!before) return before.error().with_code(Errc::unavailable);
        if (*before) return **before;
    }
    // One statement alone is undone by SQLite itself when it fails.
    const bool several = batch.operations.size() > 1;
    if (several)
        if (auto set = session.run("SAVEPOINT batch"); !set) return set.error().with_code(Errc::unavailable);
    auto changed = sql::run_batch(session, dialect_, *pending.schema, batch);
    if (!changed) {
        if (several && session.in_transaction()) {
            auto undone = session.run("ROLLBACK TO batch");
            if (undone) undone = session.run("RELEASE batch");
            if (!undone) return undone.error().with_code(Errc::unavailable);
        }
        // SQLite gave up the whole transaction: nobody's work is left in it.
        if (!session.in_transaction() && is_own_fault(changed.error()))
            return changed.error().with_code(Errc::unavailable);
        return changed.error();
    }
    if (several)
        if (auto released = session.run("RELEASE batch"); !released)
            return released.error().with_code(Errc::unavailable);
    wrote = sql::changes_something(batch) || !batch.id.empty();
    if (!batch.id.empty()) {
        const auto now = context_.clock().wall().time_since_epoch().count();
        const auto noted = session.execute(sql::note_batch(batch.id, position, *changed, now));
        if (!noted) return is_own_fault(noted.error()) ? noted.error().with_code(Errc::unavailable) : noted.error();
        ++noted_since_prune_;
    }
    return Committed{sql::position_of(wrote ? position : position - 1), std::move(*changed)};
}

Result<void> Writer::finish_group(Connection& session, std::int64_t position) {
    if (auto pruned = prune(session); !pruned) return pruned;
    const auto moved = session.execute(sql::write_position(position));
    if (!moved) return moved.error();
    return session.run("COMMIT");
}

void Writer::fail(const Group& group, const Error& error) {
    for (const auto& pending : group) {
        refusals_.add();
        pending->answer.set(error);
    }
}

/// The commit itself failed. What it wrote to the log is valid only if it is whole, and then a recovery
/// after a crash would bring it back, although SQLite rolled it back for us. A further commit that succeeds
/// writes over it, so that it certainly did not happen; without one the truth is open.
void Writer::settle(const Group& group, const Error& error) {
    trouble(error);
    if (try_commit(*connection_)) {
        if (error.code() != Errc::exhausted || group.size() == 1) return fail(group, error);
        // It was one too many: each alone may find room.
        for (const auto& one : group) write({one});
        return;
    }
    connection_.reset();
    const auto unknown = Error(Errc::timeout, "whether the batch was committed is unknown: " + error.message(),
                               "Ask for its outcome when the store is well again.");
    fail(group, is_cut_short(error) ? error : unknown);
}

/// The smallest commit there is.
Result<void> Writer::try_commit(Connection& session) {
    if (auto begun = session.run("BEGIN IMMEDIATE"); !begun) return begun;
    auto written =
        session.execute({"INSERT INTO drover_meta (name, number) VALUES ('trials', 1) "
                         "ON CONFLICT (name) DO UPDATE SET number = number + 1"});
    Result<void> done = ok;
    if (!written) done = written.error();
    else done = session.run("COMMIT");
    session.roll_back();
    return done;
}

Async<Result<void>> Writer::probe(Deadline deadline) {
    auto trial = alone<int>(
        [self = shared_from_this()](Connection& session) -> Result<int> {
            if (auto works = self->try_commit(session); !works) return works.error();
            self->well();
            return 0;
        },
        deadline);
    auto done = co_await std::move(trial);
    if (!done) co_return done.error();
    co_return ok;
}

Result<void> Writer::prune(Connection& session) {
    const auto now = context_.clock().now();
    if (noted_since_prune_ == 0 || now - last_prune_ < kPruneEvery) return ok;
    const auto before = context_.clock().wall() - kRemembered;
    auto done = sql::forget_batches(session, before.time_since_epoch().count(), 2 * noted_since_prune_ + 100);
    if (!done) return done;
    last_prune_ = now;
    noted_since_prune_ = 0;
    return ok;
}

/// Moves the log into the database when it has grown. Then the next commit begins the log anew, unless a
/// reader still needs what is in it: so the log is tried again after it has grown as much once more.
void Writer::tend_log(Connection& session) {
    const int pages = session.log_pages();
    if (pages < seen_pages_) checkpoint_at_ = kCheckpointPages;
    seen_pages_ = pages;
    if (pages < checkpoint_at_) return;
    auto done = session.checkpoint(pages >= kPatientPages);
    checkpoint_at_ = pages + kCheckpointPages;
    const std::lock_guard lock(mutex_);
    if (done) log_trouble_.reset();
    else log_trouble_ = done.error().in("the write-ahead log cannot be moved into the database");
}

void Writer::trouble(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!trouble_) context_.log().error("the store is in trouble", {{"reason", error.describe()}});
    trouble_ = error;
}

void Writer::well() {
    const std::lock_guard lock(mutex_);
    if (trouble_ && !is_damage(*trouble_)) {
        context_.log().info("the store is well again");
        trouble_.reset();
    }
}

bool Writer::in_trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_.has_value();
}

Health Writer::health() const {
    const std::lock_guard lock(mutex_);
    if (!trouble_ && log_trouble_) return Health::degraded(log_trouble_->describe());
    if (!trouble_) return Health::good();
    return is_damage(*trouble_) ? Health::failed(trouble_->describe()) : Health::degraded(trouble_->describe());
}

}  // namespace drover::sqlite
