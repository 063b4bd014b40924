// What operators do with one process: try it again, end it, ask what it waits for.
#include "attempt.hpp"
#include "engine_service.hpp"
#include "roster.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr int kTries = 50;

std::string lock_of(const Record& row) {
    return std::string(row["resourceType"].text()) + "." + std::to_string(row["resourceId"].integer()) + ".CHANGE";
}

json::value text_or_null(const Value& value) {
    return value.is_null() ? json::value(nullptr) : json::value(json::string(value.text()));
}

json::value number_or_null(const Value& value) {
    return value.is_null() ? json::value(nullptr) : json::value(value.integer());
}

json::object waits(std::string kind, std::string sentence) {
    return {{"kind", std::move(kind)}, {"sentence", std::move(sentence)}};
}

}  // namespace

Async<Result<void>> retry_process(Core& core, std::int64_t id) {
    for (int attempt = 1;; ++attempt) {
        auto row = co_await core.get("processInstance", id, core.soon());
        if (!row) co_return row.error();
        if (!(*row)["endTime"].is_null())
            co_return Error(Errc::conflict, "process " + std::to_string(id) +
                                                " has ended: " + std::string((*row)["exitReason"].text()));
        if (!(*row)["runningProcessServerId"].is_null()) co_return ok;  // it is being tried
        Update update;
        update.type = "processInstance";
        update.id = id;
        update.values = {{"attempts", 0},           {"waits", 0},       {"parked", false}, {"nextRunTime", Value()},
                         {"queue", (*row)["slot"]}, {"reason", Value()}};
        update.version = row->version();
        Batch batch;
        batch.operations.emplace_back(std::move(update));
        auto committing = core.commit(std::move(batch), core.soon());
        auto committed = co_await std::move(committing);
        if (!committed && committed.error().code() == Errc::conflict && attempt < kTries) continue;
        if (!committed) co_return committed.error();
        const auto slot = static_cast<int>((*row)["slot"].integer());
        const auto owner = core.roster->owner(slot);
        if (owner == core.server) {
            core.dispatcher->look(slot);
        } else {
            Event wake;
            wake.name = "process.execute";
            wake.resource_type = "processInstance";
            wake.resource_id = std::to_string(id);
            wake.data = json::object{{"slot", slot}};
            core.outbox.send(owner.empty() ? std::string() : topic_of_server(owner), std::move(wake));
        }
        co_return ok;
    }
}

Async<Result<void>> cancel_process(Core& core, std::int64_t id, std::string why) {
    for (int attempt = 1;; ++attempt) {
        auto row = co_await core.get("processInstance", id, core.soon());
        if (!row) co_return row.error();
        if (!(*row)["endTime"].is_null())
            co_return Error(Errc::conflict, "process " + std::to_string(id) +
                                                " has ended: " + std::string((*row)["exitReason"].text()));
        // A raised epoch refuses whatever a run under way still writes.
        Update update;
        update.type = "processInstance";
        update.id = id;
        update.values = {{"epoch", (*row)["epoch"].integer() + 1},
                         {"endTime", core.now()},
                         {"exitReason", "CANCELED"},
                         {"result", "CANCELED"},
                         {"phase", phase::kDone},
                         {"runningProcessServerId", Value()},
                         {"queue", Value()},
                         {"nextRunTime", Value()},
                         {"parked", false},
                         {"reason", why.substr(0, 1'000)}};
        update.version = row->version();
        Batch batch;
        batch.operations.emplace_back(std::move(update));
        auto committing = core.commit(std::move(batch), core.soon());
        auto committed = co_await std::move(committing);
        if (!committed && committed.error().code() == Errc::conflict && attempt < kTries) continue;
        if (!committed) co_return committed.error();
        const auto running = std::string((*row)["runningProcessServerId"].text());
        if (const auto here = core.dispatcher->attempt(id)) here->cancelled();
        else if (!running.empty()) {
            Event told;
            told.name = "process.cancel";
            told.resource_type = "processInstance";
            told.resource_id = std::to_string(id);
            core.outbox.send(topic_of_server(running), std::move(told));
        }
        core.outbox.changed(std::string((*row)["resourceType"].text()), (*row)["resourceId"].integer());
        co_return ok;
    }
}

Async<Result<json::object>> explain_process(Core& core, std::int64_t id) {
    auto row = co_await core.get("processInstance", id, core.soon());
    if (!row) co_return row.error();
    const auto& record = *row;
    const auto process = std::string(record["processName"].text());
    const auto running = std::string(record["runningProcessServerId"].text());
    const auto slot = static_cast<int>(record["slot"].integer());
    const auto owner = core.roster->owner(slot);
    json::object told{{"id", id},
                      {"process", process},
                      {"resourceType", text_or_null(record["resourceType"])},
                      {"resourceId", number_or_null(record["resourceId"])},
                      {"phase", text_or_null(record["phase"])},
                      {"attempts", number_or_null(record["attempts"])},
                      {"parked", record["parked"].boolean()},
                      {"epoch", number_or_null(record["epoch"])},
                      {"slot", slot},
                      {"owner", owner.empty() ? json::value(nullptr) : json::value(owner)},
                      {"runningProcessServerId", text_or_null(record["runningProcessServerId"])},
                      {"nextRunTime", number_or_null(record["nextRunTime"])},
                      {"exitReason", text_or_null(record["exitReason"])},
                      {"reason", text_or_null(record["reason"])},
                      {"waitsFor", nullptr}};
    const auto reason = std::string(record["reason"].text());
    if (!record["endTime"].is_null()) {
        told["waitsFor"] = waits("nothing", "it has ended: " + std::string(record["exitReason"].text()));
        co_return told;
    }
    if (record["parked"].boolean()) {
        told["waitsFor"] = waits("operator", "it failed " + std::to_string(record["attempts"].integer()) +
                                                 " times and waits for retry or cancel. Last: " + reason);
        co_return told;
    }
    auto holder = co_await core.locks.holder(lock_of(record));
    json::value held_by = nullptr;
    if (holder && *holder) held_by = (*holder)->member;
    if (!running.empty()) {
        if (const auto here = core.dispatcher->attempt(id)) {
            const auto now = here->waits();
            auto waiting = waits(now.kind.empty() ? "logic" : now.kind,
                                 now.sentence.empty() ? "it is being carried out" : now.sentence);
            waiting["since"] = now.since == 0 ? json::value(nullptr) : json::value(now.since);
            waiting["lock"] = lock_of(record);
            waiting["lockHolder"] = held_by;
            told["waitsFor"] = std::move(waiting);
            co_return told;
        }
        if (running != core.server && !core.roster->live().contains(running)) {
            told["waitsFor"] = waits("server", "server " + running + ", which ran it, is gone; another takes it over");
            co_return told;
        }
        if (running != core.server) {
            // Who runs it knows more. When it does not answer, what the store says is told.
            Event asked;
            asked.name = "process.explain";
            asked.resource_type = "processInstance";
            asked.resource_id = std::to_string(id);
            RequestOptions options;
            options.timeout = std::chrono::milliseconds(1'000);
            options.retries = 1;
            options.topic = topic_of_server(running);
            auto asking = core.events->request(std::move(asked), std::move(options));
            auto reply = co_await std::move(asking);
            if (reply && reply->data.is_object()) {
                told["waitsFor"] = reply->data;
                co_return told;
            }
        }
        told["waitsFor"] = waits("logic", "server " + running + " carries it out");
        co_return told;
    }
    if (!record["nextRunTime"].is_null() && record["nextRunTime"].integer() > core.now()) {
        const bool busy = record["exitReason"].text() == "RESOURCE_BUSY";
        auto waiting =
            waits(busy ? "lock" : "time",
                  (busy ? "another process holds its resource: " : "it is tried again at its nextRunTime: ") + reason);
        waiting["until"] = record["nextRunTime"].integer();
        if (busy) {
            waiting["lock"] = lock_of(record);
            waiting["lockHolder"] = held_by;
        }
        told["waitsFor"] = std::move(waiting);
        co_return told;
    }
    if (owner.empty()) told["waitsFor"] = waits("server", "no server executes processes now");
    else if (owner == core.server && core.dispatcher->at_limit(process))
        told["waitsFor"] = waits("limit", "as many processes of " + process + " as allowed are under way on " + owner);
    else told["waitsFor"] = waits("turn", "its turn on server " + owner);
    co_return told;
}

Async<Result<void>> read_settings(Core& core) {
    std::map<std::string, std::string> stored;
    Query query;
    query.type = "setting";
    query.limit = 1'000;
    for (;;) {
        auto reading = core.query(query, core.soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        for (const auto& row : page->rows)
            if (!row.record["value"].is_null())
                stored.emplace(std::string(row.record["name"].text()), std::string(row.record["value"].text()));
        if (!page->more || page->next.empty()) break;
        query.cursor = page->next;
    }
    core.settings.offer(std::move(stored));
    co_return ok;
}

}  // namespace drover::engine
