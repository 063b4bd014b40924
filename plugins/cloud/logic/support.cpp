#include "logic/support.hpp"

namespace drover::cloud {
namespace {

/// How long another may take to bring something shared into the state that is waited for.
constexpr auto kSharedWait = 20s;
constexpr auto kSharedLook = 100ms;

}  // namespace

Async<Result<std::vector<Record>>> find(ProcessRunPtr run, std::string type, std::vector<AnyOf> where) {
    Query query;
    query.type = std::move(type);
    query.where = std::move(where);
    query.limit = kLargestPage;
    auto page = co_await run->query(std::move(query));
    if (!page) co_return page.error();
    std::vector<Record> records;
    records.reserve(page->rows.size());
    for (auto& row : page->rows) records.push_back(std::move(row.record));
    co_return records;
}

Async<Result<std::optional<Record>>> find_one(ProcessRunPtr run, std::string type, std::vector<AnyOf> where) {
    Query query;
    query.type = std::move(type);
    query.where = std::move(where);
    query.limit = 1;
    auto page = co_await run->query(std::move(query));
    if (!page) co_return page.error();
    if (page->rows.empty()) co_return std::optional<Record>{};
    co_return std::optional<Record>(std::move(page->rows.front().record));
}

Async<Result<std::vector<Record>>> find_live(ProcessRunPtr run, std::string type, std::string field, std::int64_t id) {
    std::vector<AnyOf> where{is(std::move(field), id), is_null("removed")};
    co_return co_await find(std::move(run), std::move(type), std::move(where));
}

Async<Result<std::vector<Record>>> find_removable(ProcessRunPtr run, std::string type, std::string field,
                                                  std::int64_t id) {
    std::vector<AnyOf> where{is(std::move(field), id),
                             {Condition{"removed", Op::is_null, {}}, Condition{"state", Op::eq, {Value("removing")}}}};
    co_return co_await find(std::move(run), std::move(type), std::move(where));
}

Async<Result<Record>> find_or_create(ProcessRunPtr run, std::string type, std::string uuid, json::object values) {
    values["uuid"] = uuid;
    std::vector<AnyOf> where{is("uuid", uuid)};
    auto found = co_await find_one(run, type, where);
    if (!found) co_return found.error();
    if (*found) co_return std::move(**found);
    auto made = co_await run->create(type, std::move(values));
    if (made || made.error().code() != Errc::conflict) co_return made;
    // Somebody else made it in between, or this run may not write any more; the second look tells.
    auto again = co_await find_one(run, type, where);
    if (!again) co_return again.error();
    if (*again) co_return std::move(**again);
    co_return made.error();
}

Async<Result<void>> run_each(ProcessRunPtr run, std::string process, std::vector<Record> records, json::object data) {
    for (const auto& record : records) {
        auto ran = co_await run->run(process, record.id(), data);
        if (!ran) co_return ran.error();
    }
    co_return ok;
}

Async<Result<void>> run_shared(ProcessRunPtr run, std::string process, std::string type, std::int64_t id,
                               std::string state) {
    const auto until = Deadline::in(run->clock(), kSharedWait).earlier(run->deadline());
    for (;;) {
        auto record = co_await run->get(type, id);
        if (!record) co_return record.error();
        if ((*record)["state"].text() == state) co_return ok;
        auto ran = co_await run->run(process, id);
        if (ran) co_return ok;
        const auto code = ran.error().code();
        const bool others = code == Errc::busy || (code == Errc::conflict && !is_event_error(ran.error()));
        if (!others || until.passed(run->clock())) co_return ran.error();
        auto slept = co_await sleep_for(run->clock(), kSharedLook);
        if (!slept) co_return slept.error();
    }
}

bool flag(const ProcessRun& run, std::string_view key, bool otherwise) { return is_on(run.setting(key), otherwise); }

std::int64_t number(const ProcessRun& run, std::string_view key, std::int64_t otherwise) {
    return to_number(run.setting(key), otherwise);
}

std::int64_t now_millis(Clock& clock) { return clock.wall().time_since_epoch().count(); }

bool says_yes(const json::value* value) {
    if (!value) return false;
    if (value->is_bool()) return value->as_bool();
    return value->is_string() && is_on(value->as_string(), false);
}

LogicResult nothing() { return LogicResult::nothing(); }

LogicResult done(json::object data) {
    LogicResult result;
    result.data = std::move(data);
    return result;
}

Logic logic(std::string name, std::vector<std::string> processes, LogicPhase phase, int priority, LogicCall call) {
    Logic made;
    made.name = std::move(name);
    made.processes = std::move(processes);
    made.phase = phase;
    made.priority = priority;
    made.call = std::move(call);
    return made;
}

}  // namespace drover::cloud
