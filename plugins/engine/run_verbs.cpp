// What logic may do: every write carries the claim, so that a run that lost it has no effect.
#include <boost/json/serialize.hpp>

#include "agents.hpp"
#include "run.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr int kDeepestNesting = 16;

/// The batch's first operation is the fence: was it that one which the store refused?
Error told(const Error& error) {
    if (error.code() == Errc::conflict && refused_operation(error) == std::size_t{0}) return claim_lost();
    return error;
}

class HeldLock final : public ProcessRun::Held {
public:
    HeldLock(std::weak_ptr<Attempt> attempt, std::string name, bool taken)
        : attempt_(std::move(attempt)), name_(std::move(name)), taken_(taken) {}
    ~HeldLock() override {
        if (!taken_) return;
        if (const auto attempt = attempt_.lock()) attempt->release(name_);
    }

private:
    std::weak_ptr<Attempt> attempt_;  // gone: all its locks are
    const std::string name_;
    const bool taken_;
};

}  // namespace

Async<Result<void>> Run::refresh() {
    if (attempt_->over()) co_return claim_lost();
    auto record = co_await core_.get(process_->resource_type, resource_id_, deadline());
    if (!record) co_return record.error();
    resource_ = std::move(*record);
    co_return ok;
}

Async<Result<Record>> Run::get(std::string type, std::int64_t id) {
    if (attempt_->over()) co_return claim_lost();
    co_return co_await core_.get(std::move(type), id, deadline());
}

Async<Result<Page>> Run::query(Query query) {
    if (attempt_->over()) co_return claim_lost();
    auto reading = core_.query(std::move(query), deadline());
    co_return co_await std::move(reading);
}

Async<Result<std::vector<Record>>> Run::linked(std::string type, std::int64_t id, std::string link) {
    if (attempt_->over()) co_return claim_lost();
    const auto* found = core_.model->schema().link(type, link);
    if (!found) co_return Error(Errc::invalid, type + " has no link " + link);
    std::vector<Record> records;
    Query query;
    query.limit = kLargestPage;
    if (found->kind == Link::Kind::reference) {
        auto from = co_await core_.get(type, id, deadline());
        if (!from) co_return from.error();
        const auto target = (*from)[found->field].integer();
        if (target == 0) co_return records;
        auto record = co_await core_.get(found->target, target, deadline());
        if (!record && record.error().code() == Errc::not_found) co_return records;
        if (!record) co_return record.error();
        records.push_back(std::move(*record));
        co_return records;
    }
    Condition of_us;
    of_us.field = found->field;
    of_us.values = {Value(id)};
    if (found->kind == Link::Kind::child) {
        query.type = found->target;
        query.where = {{of_us}};
    } else {
        query.type = found->map;
        query.where = {{of_us}};
        const auto* map_type = core_.model->schema().find(found->map);
        if (map_type && map_type->find("removed")) {
            Condition there;
            there.field = "removed";
            there.op = Op::is_null;
            query.where.push_back({there});
        }
    }
    auto reading = core_.query(std::move(query), deadline());
    auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    if (found->kind == Link::Kind::child) {
        for (auto& row : page->rows) records.push_back(std::move(row.record));
        co_return records;
    }
    Condition targets;
    targets.field = "id";
    targets.op = Op::in;
    for (const auto& row : page->rows)
        if (const auto target = row.record[found->map_field].integer()) targets.values.emplace_back(target);
    if (targets.values.empty()) co_return records;
    Query second;
    second.type = found->target;
    second.limit = kLargestPage;
    second.where = {{std::move(targets)}};
    auto reading_targets = core_.query(std::move(second), deadline());
    auto there = co_await std::move(reading_targets);
    if (!there) co_return there.error();
    for (auto& row : there->rows) records.push_back(std::move(row.record));
    co_return records;
}

Async<Result<void>> Run::save_data() {
    if (parent_) co_return ok;  // it lives as long as this run
    if (attempt_->over()) co_return claim_lost();
    auto text = to_text(data_);
    if (text == attempt_->saved_data) co_return ok;
    Update update;
    update.type = "processInstance";
    update.id = process_id();
    update.values = {{"data", text}};
    update.expect = {{"epoch", Value(attempt_->claim().epoch)}};
    Batch batch;
    batch.operations.emplace_back(std::move(update));
    auto committing = core_.commit(std::move(batch), deadline());
    auto committed = co_await std::move(committing);
    if (!committed) co_return told(committed.error());
    attempt_->saved_data = std::move(text);
    co_return ok;
}

Async<Result<Committed>> Run::commit(Batch batch) {
    if (attempt_->over()) co_return claim_lost();
    // Ids of records that the batch makes are counted from its own first operation, so the fence goes last.
    std::vector<std::pair<std::string, std::int64_t>> changed;
    const auto count = batch.operations.size();
    for (const auto& operation : batch.operations) {
        if (const auto* update = std::get_if<Update>(&operation)) changed.emplace_back(update->type, update->id);
        if (const auto* gone = std::get_if<Delete>(&operation)) changed.emplace_back(gone->type, gone->id);
    }
    std::vector<std::pair<std::size_t, std::string>> created;
    for (std::size_t i = 0; i < count; ++i)
        if (const auto* create = std::get_if<Create>(&batch.operations[i])) created.emplace_back(i, create->type);
    batch.operations.emplace_back(attempt_->fence());
    auto committing = core_.commit(std::move(batch), deadline());
    auto committed = co_await std::move(committing);
    if (!committed) {
        if (committed.error().code() == Errc::conflict && refused_operation(committed.error()) == count)
            co_return claim_lost();
        co_return committed.error();
    }
    for (const auto& [index, type] : created) changed.emplace_back(type, committed->changed[index].id);
    for (const auto& [type, id] : changed) core_.outbox.changed(type, id);
    committed->changed.pop_back();
    co_return std::move(*committed);
}

Async<Result<Record>> Run::create(std::string type, json::object values) {
    if (attempt_->over()) co_return claim_lost();
    auto inserting = insert(core_, std::move(type), std::move(values), fences(), deadline());
    auto inserted = co_await std::move(inserting);
    if (!inserted) co_return told(inserted.error());
    co_return std::move(*inserted);
}

Async<Result<void>> Run::apply(std::string type, std::int64_t id, json::object changes) {
    if (attempt_->over()) co_return claim_lost();
    auto merging = merge(core_, type, id, std::move(changes), fences(), deadline());
    auto merged = co_await std::move(merging);
    if (!merged) co_return told(merged.error());
    if (merged->type().name == process_->resource_type && id == resource_id_) resource_ = std::move(*merged);
    co_return ok;
}

Async<Result<Record>> Run::run(std::string process, std::int64_t resource_id, json::object data) {
    if (attempt_->over()) co_return claim_lost();
    const auto* definition = core_.model->process(process);
    if (!definition) co_return Error(Errc::not_found, "there is no process " + process);
    if (depth_ >= kDeepestNesting)
        co_return Error(Errc::invalid, process + " is nested more than " + std::to_string(kDeepestNesting) + " deep");
    const auto child = std::make_shared<Run>(attempt_, this, definition, resource_id, std::move(data));
    auto running = child->carry_out();
    auto exit = co_await std::move(running);
    history_.child(child->history().take());
    attempt_->waits_for("logic", process_->name + ": " + logic_ + " is at work");
    if (!exit) co_return exit.error().in(process);
    const auto what = process + " of " + definition->resource_type + " " + std::to_string(resource_id);
    switch (*exit) {
        case Exit::done:
        case Exit::already_done: co_return child->resource();
        case Exit::resource_busy: co_return Error(Errc::busy, what + " waits: another process holds the resource");
        case Exit::state_changed: co_return Error(Errc::conflict, what + ": the resource's state changed meanwhile");
        default: break;
    }
    co_return Error(Errc::conflict,
                    what + " is not possible in its state \"" +
                        (child->resource().id() ? std::string(child->resource()[definition->state_field].text())
                                                : std::string("gone")) +
                        "\"");
}

Async<Result<void>> Run::schedule(std::string process, std::int64_t resource_id, json::object data) {
    if (attempt_->over()) co_return claim_lost();
    ProcessRequest wanted;
    wanted.process = std::move(process);
    wanted.resource_id = resource_id;
    wanted.data = std::move(data);
    auto scheduling = engine::schedule(core_, std::move(wanted), fences(), deadline());
    auto scheduled = co_await std::move(scheduling);
    if (!scheduled) co_return told(scheduled.error());
    co_return ok;
}

Async<Result<std::shared_ptr<ProcessRun::Held>>> Run::lock(std::string name, std::chrono::milliseconds wait) {
    if (attempt_->over()) co_return claim_lost();
    auto holding = attempt_->hold(name, wait);
    auto held = co_await std::move(holding);
    if (!held) co_return held.error();
    std::shared_ptr<Held> lock = std::make_shared<HeldLock>(attempt_, std::move(name), *held);
    co_return lock;
}

Async<Result<Event>> Run::request(Event event, RequestOptions options) {
    if (attempt_->over()) co_return claim_lost();
    if (event.resource_type.empty()) {
        event.resource_type = process_->resource_type;
        event.resource_id = std::to_string(resource_id_);
    }
    if (event.data.is_null()) event.data = data_;
    if (event.context.is_null()) event.context = event_context();
    attempt_->waits_for("event", "the reply to " + event.name);
    auto requesting = core_.events->request(std::move(event), std::move(options));
    auto reply = co_await std::move(requesting);
    attempt_->waits_for("logic", process_->name + ": " + logic_ + " is at work");
    co_return reply;
}

Async<Result<Event>> Run::command(AgentCommand command) {
    if (attempt_->over()) co_return claim_lost();
    Event inner;
    inner.id = derived_uuid(std::to_string(process_id()) + "/" + path() + "/" + std::to_string(command.agent_id) + "/" +
                            command.name + "/" + command.resource_type + "/" + std::to_string(command.resource_id) +
                            "/" + command.step);
    inner.name = command.name;
    inner.resource_type = command.resource_type;
    inner.resource_id = std::to_string(command.resource_id);
    inner.data = std::move(command.data);
    inner.time = core_.clock.wall();
    auto context = event_context();
    // An agent may refuse anything older than the newest it has seen of a resource.
    context["resourceVersion"] = resource_.version();
    inner.context = std::move(context);
    attempt_->waits_for("agent", "agent " + std::to_string(command.agent_id) + " to answer " + command.name);
    auto asking = core_.agents->call(command.agent_id, process_id(), std::move(inner), command.timeout, command.retries,
                                     deadline());
    auto reply = co_await std::move(asking);
    attempt_->waits_for("logic", process_->name + ": " + logic_ + " is at work");
    co_return reply;
}

void Run::progress(std::string message, int percent) {
    if (attempt_->over()) return;
    json::object changes;
    changes["transitioningMessage"] = message;
    if (percent >= 0) changes["transitioningProgress"] = percent;
    attempt_->progress(process_->resource_type, resource_id_, std::move(changes));
}

}  // namespace drover::engine
