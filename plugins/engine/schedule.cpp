// Writing requests down: a resource enters its transitioning state and its process becomes a row, in one commit.
#include "core.hpp"
#include "dispatch.hpp"
#include "roster.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr int kTries = 50;  // against users who change the row at the same moment

std::uint64_t fnv(std::uint64_t hash, std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    return hash;
}

Error not_allowed(const ProcessDefinition& process, const Record& resource) {
    const auto state = resource[process.state_field].text();
    std::string allowed;
    for (const auto& change : process.changes)
        for (const auto& start : change.start) allowed += (allowed.empty() ? "" : ", ") + start;
    return Error(Errc::conflict, process.name + " is not possible while " + resource.type().name + " " +
                                     std::to_string(resource.id()) + " is in state \"" + std::string(state) +
                                     "\"; possible are " + allowed)
        .with_detail("state", std::string(state));
}

/// The row of a new process. With a reservation it is claimed from the beginning.
Create process_row(Core& core, const Claim& claim, Term resource, bool claimed) {
    Create row;
    row.type = "processInstance";
    row.values = {{"processName", claim.process},
                  {"resourceType", claim.type},
                  {"resourceId", std::move(resource)},
                  {"startTime", core.now()},
                  {"data", to_text(claim.data)},
                  {"priority", claim.priority},
                  {"phase", phase::kStarted},
                  {"startProcessServerId", core.server},
                  {"slot", claim.slot},
                  {"rank", -claim.priority},
                  {"epoch", claimed ? 1 : 0}};
    if (claimed) row.values.emplace_back("runningProcessServerId", Term(Value(core.server)));
    else row.values.emplace_back("queue", Term(Value(claim.slot)));
    return row;
}

/// Hands over what was committed to whoever executes it.
void begin(Core& core, Claim claim, std::optional<Dispatcher::Place> place) {
    if (place) {
        core.dispatcher->start(std::move(claim), std::move(*place));
        return;
    }
    const auto owner = core.roster->owner(claim.slot);
    if (owner == core.server) {
        core.dispatcher->offer(claim);
        return;
    }
    Event wake;
    wake.name = "process.execute";
    wake.resource_type = "processInstance";
    wake.resource_id = std::to_string(claim.id);
    wake.data = json::object{{"slot", claim.slot}};
    core.outbox.send(owner.empty() ? std::string() : topic_of_server(owner), std::move(wake));
}

}  // namespace

int slot_of(std::string_view type, std::string_view id) {
    const auto hash = fnv(fnv(14695981039346656037ull, type), id);
    return static_cast<int>((hash ^ (hash >> 32)) % kSlots);
}

int priority_of(Core& core, const ProcessDefinition& process) {
    return static_cast<int>(core.settings.integer("process." + process.name + ".priority", process.priority));
}

Entering entering(const Model& model, const ProcessDefinition& process, const Record& resource) {
    Entering found;
    const auto state = resource[process.state_field].text();
    found.process = &process;
    found.change = process.starting_at(state);
    found.kind = Entering::Kind::enter;
    if (!found.change && process.is_done(state)) {
        found.kind = Entering::Kind::done;
        return found;
    }
    if (!found.change) {
        found.change = process.in_transition(state);
        found.kind = Entering::Kind::already_in;
    }
    if (!found.change) {
        const auto* delegate = process.delegate.empty() ? nullptr : model.process(process.delegate);
        if (delegate) {
            auto by_delegate = entering(model, *delegate, resource);
            // Done by the delegate is not done by this one.
            if (by_delegate.kind == Entering::Kind::enter || by_delegate.kind == Entering::Kind::already_in)
                return by_delegate;
        }
        found.kind = Entering::Kind::refused;
        return found;
    }
    found.update.type = resource.type().name;
    found.update.id = resource.id();
    found.update.expect = {{process.state_field, resource[process.state_field]}};
    if (found.kind == Entering::Kind::enter)
        found.update.values.emplace_back(process.state_field, Term(Value(found.change->transitioning)));
    if (process.state_field == "state") {
        if (auto data = without_transitioning(resource)) {
            found.update.values.emplace_back("data", Term(Value(std::move(*data))));
            found.update.version = resource.version();
        }
    }
    return found;
}

Async<Result<Scheduled>> schedule(Core& core, ProcessRequest request, std::vector<Operation> checks,
                                  Deadline deadline) {
    const auto* process = core.model->process(request.process);
    if (!process) co_return Error(Errc::not_found, "there is no process " + request.process);
    for (int attempt = 1;; ++attempt) {
        auto resource = co_await core.get(process->resource_type, request.resource_id, deadline);
        if (!resource) co_return resource.error();
        auto way = entering(*core.model, *process, *resource);
        if (way.kind == Entering::Kind::done) {
            Scheduled done;
            done.resource = std::move(*resource);
            co_return done;
        }
        // A request joins what the delegate does already, but does not begin it: who asks to stop a machine that is
        // being made does not ask to remove it.
        if (way.kind == Entering::Kind::refused || (way.kind == Entering::Kind::enter && way.process != process))
            co_return not_allowed(*process, *resource);

        Claim claim;
        claim.process = process->name;
        claim.type = process->resource_type;
        claim.resource = request.resource_id;
        claim.priority = request.priority ? *request.priority : priority_of(core, *process);
        claim.slot = slot_of(claim.type, std::to_string(claim.resource));
        claim.data = request.data;
        auto place = core.dispatcher->reserve(claim);
        claim.epoch = place ? 1 : 0;
        const auto values = way.update.values;
        Batch batch;
        batch.operations = checks;
        batch.operations.emplace_back(std::move(way.update));
        batch.operations.emplace_back(process_row(core, claim, Term(Value(claim.resource)), place.has_value()));
        auto committing = core.commit(std::move(batch), deadline);
        auto committed = co_await std::move(committing);
        if (!committed) {
            const auto refused = refused_operation(committed.error());
            const bool changed_meanwhile =
                committed.error().code() == Errc::conflict && refused && *refused == checks.size();
            if (changed_meanwhile && attempt < kTries) continue;
            co_return committed.error();
        }
        claim.id = committed->changed.back().id;
        Scheduled made;
        made.process_id = claim.id;
        made.position = committed->position;
        made.resource = with_values(*core.model, *resource, values, committed->changed[checks.size()].version);
        if (!values.empty()) core.outbox.changed(claim.type, claim.resource);
        begin(core, std::move(claim), std::move(place));
        co_return made;
    }
}

Async<Result<Scheduled>> create(Core& core, std::string type, json::object values, Deadline deadline) {
    auto row = new_row(*core.model, type, values, core.clock.wall());
    if (!row) co_return row.error();
    std::string process_name = row->type + ".create";
    for (auto& c : process_name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto* process = core.model->process(process_name);
    if (!process) {
        auto inserted = co_await insert(core, std::move(type), std::move(values), {}, deadline);
        if (!inserted) co_return inserted.error();
        Scheduled plain;
        plain.resource = std::move(*inserted);
        co_return plain;
    }
    const auto& change = process->changes.front();
    row->values.emplace_back(process->state_field, Term(Value(change.transitioning)));
    const auto uuid =
        std::find_if(row->values.begin(), row->values.end(), [](const auto& one) { return one.first == "uuid"; });

    Claim claim;
    claim.process = process->name;
    claim.type = row->type;
    claim.priority = priority_of(core, *process);
    // The id is not known before the commit; the uuid spreads as well.
    const std::string spread =
        uuid == row->values.end() ? new_uuid() : std::string(std::get<Value>(uuid->second).text());
    claim.slot = slot_of(claim.type, spread);
    claim.data = std::move(values);
    auto place = core.dispatcher->reserve(claim);
    claim.epoch = place ? 1 : 0;
    Batch batch;
    Create creating;
    creating.type = row->type;
    creating.values = row->values;
    batch.operations.emplace_back(std::move(creating));
    batch.operations.emplace_back(process_row(core, claim, Term(CreatedBy{0}), place.has_value()));
    auto committing = core.commit(std::move(batch), deadline);
    auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    claim.resource = committed->changed[0].id;
    claim.id = committed->changed[1].id;
    Scheduled made;
    made.process_id = claim.id;
    made.position = committed->position;
    made.resource = created_record(*core.model, *row, claim.resource, committed->changed[0].version);
    core.outbox.changed(claim.type, claim.resource);
    begin(core, std::move(claim), std::move(place));
    co_return made;
}

Async<Result<Record>> insert(Core& core, std::string type, json::object values, std::vector<Operation> checks,
                             Deadline deadline) {
    auto row = new_row(*core.model, type, values, core.clock.wall());
    if (!row) co_return row.error();
    const auto* resource = core.model->schema().find(row->type);
    if (resource->find("state") &&
        std::none_of(row->values.begin(), row->values.end(), [](const auto& one) { return one.first == "state"; }))
        row->values.emplace_back("state", Term(Value("requested")));
    Batch batch;
    batch.operations = std::move(checks);
    Create creating;
    creating.type = row->type;
    creating.values = row->values;
    batch.operations.emplace_back(std::move(creating));
    auto committing = core.commit(std::move(batch), deadline);
    auto committed = co_await std::move(committing);
    if (!committed) co_return committed.error();
    const auto made = committed->changed.back();
    core.outbox.changed(row->type, made.id);
    co_return created_record(*core.model, *row, made.id, made.version);
}

}  // namespace drover::engine
