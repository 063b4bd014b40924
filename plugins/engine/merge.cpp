// Merging fields into rows: on a conflict it reads and merges again, so that nobody's change is lost.
#include "core.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr int kTries = 50;
constexpr int kDeepest = 8;  // links followed from one row

struct Plan {
    std::vector<Operation> operations;
    std::vector<std::pair<std::string, std::int64_t>> rows;  // one for each operation
};

Async<Result<void>> plan_row(Core& core, std::shared_ptr<Plan> plan, Record record, json::object changes, int depth,
                             Deadline deadline) {
    auto wanted = changes_of(*core.model, record, changes);
    if (!wanted) co_return wanted.error();
    if (!wanted->values.empty()) {
        Update update;
        update.type = record.type().name;
        update.id = record.id();
        update.values = std::move(wanted->values);
        if (wanted->needs_version) update.version = record.version();
        plan->rows.emplace_back(update.type, update.id);
        plan->operations.emplace_back(std::move(update));
    }
    if (depth >= kDeepest) co_return ok;
    for (const auto& [link, more] : wanted->linked) {
        const auto id = record[link->field].integer();
        if (id == 0) continue;
        auto target = co_await core.get(link->target, id, deadline);
        if (!target && target.error().code() == Errc::not_found) continue;
        if (!target) co_return target.error();
        auto planning = plan_row(core, plan, std::move(*target), more, depth + 1, deadline);
        auto planned = co_await std::move(planning);
        if (!planned) co_return planned.error();
    }
    co_return ok;
}

}  // namespace

Async<Result<Record>> merge(Core& core, std::string type, std::int64_t id, json::object changes,
                            std::vector<Operation> checks, Deadline deadline) {
    const auto* api = core.model->find(type);
    const auto* resource = api ? core.model->resource(*api) : core.model->schema().find(type);
    if (!resource) co_return Error(Errc::invalid, type + " is no resource type");
    for (int attempt = 1;; ++attempt) {
        auto record = co_await core.get(resource->name, id, deadline);
        if (!record) co_return record.error();
        const auto plan = std::make_shared<Plan>();  // owners: this call and those it makes
        auto planning = plan_row(core, plan, *record, changes, 0, deadline);
        auto planned = co_await std::move(planning);
        if (!planned) co_return planned.error();
        if (plan->operations.empty()) co_return std::move(*record);
        Batch batch;
        batch.operations = checks;
        for (const auto& operation : plan->operations) batch.operations.push_back(operation);
        auto committing = core.commit(std::move(batch), deadline);
        auto committed = co_await std::move(committing);
        if (!committed) {
            const auto& error = committed.error();
            const auto refused = refused_operation(error);
            const bool by_version = error.code() == Errc::conflict && error.detail("unique").empty() && refused &&
                                    *refused >= checks.size();
            if (by_version && attempt < kTries) continue;
            co_return error;
        }
        for (const auto& [changed_type, changed_id] : plan->rows) core.outbox.changed(changed_type, changed_id);
        const auto& first = std::get<Update>(plan->operations.front());
        if (first.type != resource->name || first.id != id) co_return std::move(*record);
        co_return with_values(*core.model, *record, first.values, committed->changed[checks.size()].version);
    }
}

}  // namespace drover::engine
