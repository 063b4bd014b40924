// The engine's own tasks: looking for forgotten processes, purging what was removed, keeping history bounded.
#include "dispatch.hpp"
#include "tasks.hpp"

namespace drover::engine {
namespace {

constexpr std::size_t kAtOnce = 500;
constexpr std::int64_t kWeek = 7 * 24 * 3'600;

/// Deletes the records of a type that a query finds, page by page.
Async<Result<void>> delete_all(Core& core, Query query) {
    query.limit = kAtOnce;
    for (;;) {
        auto reading = core.query(query, core.soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        if (page->rows.empty()) co_return ok;
        Batch batch;
        for (const auto& row : page->rows) {
            Delete gone;
            gone.type = query.type;
            gone.id = row.record.id();
            batch.operations.emplace_back(std::move(gone));
        }
        auto committing = core.commit(std::move(batch), core.soon());
        auto committed = co_await std::move(committing);
        // Another may have deleted one of them: what is left is read again.
        if (!committed && committed.error().code() != Errc::not_found) co_return committed.error();
        if (!page->more) co_return ok;
    }
}

Query older_than(std::string type, std::string field, std::int64_t when) {
    Query query;
    query.type = std::move(type);
    query.where.push_back({{field, Op::lt, {Value(when)}}});
    query.sort = {{field, false}};
    return query;
}

std::int64_t before(Core& core, std::string_view key) { return core.now() - core.settings.integer(key, kWeek) * 1'000; }

Async<Result<void>> clean_task_instances(Core& core) {
    auto deleting = delete_all(core, older_than("taskInstance", "startTime", before(core, "task.purge.after.seconds")));
    co_return co_await std::move(deleting);
}

Async<Result<void>> clean_processes(Core& core) {
    const auto limit = before(core, "process.purge.after.seconds");
    auto deleting = delete_all(core, older_than("processExecution", "created", limit));
    auto deleted = co_await std::move(deleting);
    if (!deleted) co_return deleted.error();
    auto deleting_processes = delete_all(core, older_than("processInstance", "endTime", limit));
    co_return co_await std::move(deleting_processes);
}

Async<Result<void>> purge_type(Core& core, std::string type, std::string process) {
    Query query;
    query.type = type;
    query.where.push_back({{"state", Op::eq, {Value("removed")}}});
    query.where.push_back({{"removed", Op::not_null, {}}});
    query.where.push_back({{"removeTime", Op::lt, {Value(core.now())}}});
    query.limit = kAtOnce;
    for (;;) {
        auto reading = core.query(query, core.soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        for (const auto& row : page->rows) {
            ProcessRequest wanted;
            wanted.process = process;
            wanted.resource_id = row.record.id();
            auto scheduling = schedule(core, std::move(wanted), {}, core.soon());
            auto scheduled = co_await std::move(scheduling);
            // Restored or purged by another meanwhile is no failure.
            if (!scheduled && scheduled.error().code() != Errc::conflict && scheduled.error().code() != Errc::not_found)
                co_return scheduled.error();
        }
        if (!page->more || page->next.empty()) co_return ok;
        query.cursor = page->next;
    }
}

Async<Result<void>> purge_resources(Core& core) {
    for (const auto& type : core.model->schema().types()) {
        if (!type->find("removed") || !type->find("removeTime") || !type->find("state")) continue;
        for (const auto& [action, process] : core.model->processes_of(type->name)) {
            if (action != "purge") continue;
            auto purging = purge_type(core, type->name, process->name);
            auto purged = co_await std::move(purging);
            if (!purged) co_return purged.error();
        }
    }
    co_return ok;
}

PeriodicTask task(std::string name, double seconds, std::function<Async<Result<void>>()> call) {
    PeriodicTask made;
    made.name = std::move(name);
    made.every_seconds = seconds;
    made.call = std::move(call);
    return made;
}

Async<Result<void>> replay(Core& core) {
    core.dispatcher->sweep_now();
    co_return ok;
}

}  // namespace

std::vector<PeriodicTask> own_tasks(Core& core) {
    auto replaying = task("process.replay", 15, [&core] { return replay(core); });
    // Every server looks by itself all the time; a row for each of these would say nothing.
    replaying.recorded = false;
    replaying.everywhere = true;
    return {std::move(replaying), task("purge.resources", 60, [&core] { return purge_resources(core); }),
            task("cleanup.task.instances", 86'400, [&core] { return clean_task_instances(core); }),
            task("cleanup.processes", 3'600, [&core] { return clean_processes(core); })};
}

}  // namespace drover::engine
