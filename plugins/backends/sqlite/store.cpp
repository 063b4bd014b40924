#include "store.hpp"

#include <algorithm>

#include "errors.hpp"
#include "sql/cells.hpp"
#include "sql/ledger.hpp"
#include "sql/migration.hpp"
#include "sql/select.hpp"

namespace drover::sqlite {
namespace {

using namespace std::chrono_literals;
constexpr auto kBetweenTrials = 500ms;
constexpr auto kTrial = 5s;

/// What `types` make of the types that are declared already: those of the same name take their place.
std::vector<ResourceType> together(const Schema& declared, const std::vector<ResourceType>& types) {
    std::vector<ResourceType> all;
    for (const auto& type : declared.types()) {
        const bool anew = std::any_of(types.begin(), types.end(),
                                      [&](const ResourceType& other) { return other.name == type->name; });
        if (!anew) all.push_back(*type);
    }
    all.insert(all.end(), types.begin(), types.end());
    return all;
}

Error deadline_passed() { return Error(Errc::timeout, "the deadline had passed before the store began"); }

}  // namespace

SqliteStore::SqliteStore(Context& context, Settings settings)
    : context_(context), settings_(std::move(settings)), schema_(Schema::make({}).value()) {}

std::chrono::milliseconds SqliteStore::left(Deadline deadline) const {
    constexpr std::chrono::milliseconds kMost = 1h;
    return std::min(kMost, std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock())));
}

Result<void> SqliteStore::open(Deadline deadline) {
    auto claim = FileClaim::take(settings_.file, context_.log());
    if (!claim) return claim.error();
    claim_ = std::move(*claim);
    writer_ = std::make_shared<Writer>(context_, claim_->file());
    readers_ = std::make_shared<Readers>(context_, claim_->file(), settings_.readers);
    auto opened = writer_->open();
    if (opened) opened = readers_->open();
    if (!opened) {
        (void)close(deadline);
        return opened;
    }
    tasks_ = std::make_unique<TaskGroup>(context_.executor());
    tasks_->spawn("sqlite.recovery", [this] { return keep_trying(); });
    if (context_.resource_types().empty()) return ok;
    const auto migrated =
        block_on(context_.executor(), migrate(context_.resource_types(), MigrateMode::apply, deadline), left(deadline));
    if (migrated) return ok;
    (void)close(deadline);
    return migrated.error();
}

Result<void> SqliteStore::flush(Deadline deadline) {
    if (writer_ && !writer_->flush(left(deadline)))
        return Error(Errc::timeout, "batches still wait to be committed to " + settings_.file);
    return ok;
}

Result<void> SqliteStore::close(Deadline deadline) {
    if (tasks_) {
        tasks_->cancel();
        if (!tasks_->join(left(deadline))) return Error(Errc::timeout, "the recovery task did not end");
        tasks_.reset();
    }
    if (readers_ && !readers_->close(left(deadline)))
        return Error(Errc::timeout, "a query of " + settings_.file + " did not end");
    if (writer_ && !writer_->close(left(deadline)))
        return Error(Errc::timeout, "a commit to " + settings_.file + " did not end");
    readers_.reset();
    writer_.reset();
    claim_.reset();
    return ok;
}

Health SqliteStore::health() const {
    if (!writer_) return Health::failed("the store is closed");
    if (readers_->damaged()) return Health::failed("the database " + claim_->file() + " is damaged: restore a backup");
    return writer_->health();
}

/// While commits fail, tries now and then whether they work again, so that the store recovers without
/// waiting for a caller to be refused.
Async<void> SqliteStore::keep_trying() {
    auto& clock = context_.clock();
    for (;;) {
        auto slept = co_await sleep_for(clock, kBetweenTrials);
        if (!slept) co_return;
        if (!writer_->in_trouble()) continue;
        (void)co_await writer_->probe(Deadline::in(clock, kTrial));
    }
}

Async<Result<Migration>> SqliteStore::migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) {
    std::function<Result<Migration>(Connection&)> work = [this, types = std::move(types), mode](Connection& session) {
        return migrate_now(session, types, mode);
    };
    co_return co_await writer_->alone(std::move(work), deadline);
}

/// On the writer's thread. Everything in one transaction: a dry run tries it all, then takes it back.
Result<Migration> SqliteStore::migrate_now(Connection& session, const std::vector<ResourceType>& types,
                                           MigrateMode mode) {
    auto declared = Schema::make(together(*schema_.load(), types));
    if (!declared) return declared.error();
    if (auto begun = session.run("BEGIN IMMEDIATE"); !begun) return begun.error();
    const auto known = sql::read_known_types(session);
    if (!known) return known.error();
    auto plan = sql::plan_migration(dialect_, *known, **declared);
    if (!plan) return plan.error();
    std::vector<sql::Statement> statements;
    for (const auto& step : plan->steps) statements.push_back({step});
    statements.insert(statements.end(), plan->notes.begin(), plan->notes.end());
    for (const auto& statement : statements) {
        const auto done = session.execute(statement);
        if (done) continue;
        if (const auto key = sql::key_of(done.error()); !key.empty())
            return Error(Errc::invalid,
                         "records that exist have the same " + std::string(key) + ", which is to be unique",
                         "Change one of each such pair before the index is declared.");
        return done.error().in("migrating: " + statement.text);
    }
    const bool apply = mode == MigrateMode::apply;
    if (apply && !plan->nothing_to_do()) {
        const auto position = writer_->position() + 1;
        const auto moved = session.execute(sql::write_position(position));
        if (!moved) return moved.error();
        if (auto committed = session.run("COMMIT"); !committed) return committed.error();
        writer_->set_position(position);
    }
    session.roll_back();
    if (apply) schema_.store(std::move(*declared));
    return Migration{std::move(plan->steps), apply};
}

Result<void> SqliteStore::fresh_enough(const Consistency& consistency) const {
    if (consistency.kind != Consistency::Kind::at_least) return ok;
    const auto wanted = sql::number_of(consistency.position);
    if (!wanted) return wanted.error();
    if (*wanted <= writer_->position()) return ok;
    return Error(Errc::unavailable, "the store is at position " + std::to_string(writer_->position()) +
                                        " and has not seen " + std::to_string(*wanted));
}

Async<Result<Record>> SqliteStore::get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) {
    if (deadline.passed(context_.clock())) co_return deadline_passed();
    if (auto fresh = fresh_enough(consistency); !fresh) co_return fresh.error();
    auto declared = schema_.load()->share(type);
    if (!declared) co_return Error(Errc::invalid, "there is no resource type \"" + type + "\"");
    std::function<Result<Record>(Connection&)> work = [this, declared, id](Connection& session) -> Result<Record> {
        std::optional<Record> record;
        const auto read = session.select(sql::select_record(dialect_, *declared, id), [&](const sql::Cells& cells) {
            record = sql::read_record(cells, 0, declared);
        });
        if (!read) return read.error();
        if (!record)
            return Error(Errc::not_found, declared->name + " " + std::to_string(id) + ": there is no such record");
        return std::move(*record);
    };
    co_return co_await readers_->read(std::move(work), deadline);
}

Async<Result<Page>> SqliteStore::query(Query query, Consistency consistency, Deadline deadline) {
    if (deadline.passed(context_.clock())) co_return deadline_passed();
    if (auto fresh = fresh_enough(consistency); !fresh) co_return fresh.error();
    const auto schema = schema_.load();
    if (auto checked = check_query(*schema, query); !checked) co_return checked.error();
    auto planned = sql::QueryPlan::make(*schema, dialect_, query);
    if (!planned) co_return planned.error();
    std::function<Result<Page>(Connection&)> work = [plan = std::move(*planned)](Connection& session) -> Result<Page> {
        // One snapshot for the page and its count.
        if (plan.counts())
            if (auto begun = session.run("BEGIN"); !begun) return begun.error();
        return plan.run(session);
    };
    co_return co_await readers_->read(std::move(work), deadline);
}

Async<Result<Committed>> SqliteStore::commit(Batch batch, Deadline deadline) {
    if (deadline.passed(context_.clock())) co_return deadline_passed();
    auto schema = schema_.load();
    if (auto checked = check_batch(*schema, batch); !checked) co_return checked.error();
    co_return co_await writer_->commit(std::move(batch), std::move(schema), deadline);
}

/// After all that waits: what was handed over before has happened or not when this looks.
Async<Result<std::optional<Committed>>> SqliteStore::outcome(std::string batch_id, Deadline deadline) {
    if (deadline.passed(context_.clock())) co_return deadline_passed();
    std::function<Result<std::optional<Committed>>(Connection&)> work =
        [batch_id = std::move(batch_id)](Connection& session) { return sql::find_batch(session, batch_id); };
    co_return co_await writer_->alone(std::move(work), deadline);
}

Async<Result<Position>> SqliteStore::position(Deadline deadline) {
    if (deadline.passed(context_.clock())) co_return deadline_passed();
    co_return sql::position_of(writer_->position());
}

}  // namespace drover::sqlite
