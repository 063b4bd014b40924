// The engine's own process logic: what every type shares, and the registration of external handlers.
#include <algorithm>
#include <array>

#include "external_handlers.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr std::array<std::string_view, 10> kActivated{
    "account", "agent", "credential",  "externalHandler",    "externalHandlerProcess",
    "host",    "image", "storagePool", "storagePoolHostMap", "externalHandlerExternalHandlerProcessMap"};

bool flag(const std::string& text, bool otherwise) {
    if (text.empty()) return otherwise;
    return text == "true" || text == "yes" || text == "on" || text == "1";
}

std::int64_t seconds_of(const std::string& text, std::int64_t otherwise) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos || text.size() > 12) return otherwise;
    return std::stoll(text);
}

Async<Result<LogicResult>> activate_by_default(ProcessRunPtr run) {
    const auto& type = run->process().resource_type;
    const bool by_itself = std::find(kActivated.begin(), kActivated.end(), type) != kActivated.end();
    auto result = LogicResult::nothing();
    result.delegate = flag(run->setting("activate.by.default." + type), by_itself);
    co_return result;
}

Async<Result<LogicResult>> set_removed_fields(ProcessRunPtr run) {
    const auto& record = run->resource();
    if (!record.type().find("removed")) co_return LogicResult::nothing();
    const auto now = to_millis(run->clock().wall());
    LogicResult result;
    if (record["removed"].is_null()) result.data["removed"] = now;
    if (record.type().find("removeTime") && record["removeTime"].is_null()) {
        auto delay = run->setting("object." + record.type().name + ".remove.time.delay.seconds");
        if (delay.empty()) delay = run->setting("object.remove.time.delay.seconds");
        result.data["removeTime"] = now + seconds_of(delay, 60) * 1'000;
    }
    co_return result;
}

Async<Result<LogicResult>> clear_removed_fields(ProcessRunPtr run) {
    LogicResult result;
    for (const auto* field : {"removed", "removeTime"})
        if (run->resource().type().find(field)) result.data[field] = nullptr;
    co_return result;
}

/// "a,b" and ["a", "b,c"] are lists of names.
void add_names(const json::value& value, std::vector<std::string>& names) {
    if (value.is_array()) {
        for (const auto& item : value.get_array()) add_names(item, names);
        return;
    }
    if (!value.is_string()) return;
    std::string_view text = value.get_string();
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        auto name = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        while (name.starts_with(' ')) name.remove_prefix(1);
        while (name.ends_with(' ')) name.remove_suffix(1);
        if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
    }
}

Async<Result<std::int64_t>> find_or_make(ProcessRunPtr run, std::string type, std::vector<Condition> conditions,
                                         json::object values) {
    Query query;
    query.type = type;
    for (auto& condition : conditions) query.where.push_back({condition});
    query.where.push_back({{"removed", Op::is_null, {}}});
    query.limit = 1;
    auto reading = run->query(std::move(query));
    auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    if (!page->rows.empty()) co_return page->rows.front().record.id();
    auto creating = run->create(std::move(type), std::move(values));
    auto made = co_await std::move(creating);
    if (!made) co_return made.error();
    co_return made->id();
}

Async<Result<LogicResult>> external_handler_activate(ProcessRunPtr run) {
    std::vector<std::string> names;
    add_names(virtual_field(run->resource(), "processNames"), names);
    const auto handler = run->resource().id();
    for (const auto& name : names) {
        const auto lock_name = "CREATE.EXTERNAL.HANDLER.PROCESS.LOCK." + name;
        auto locking = run->lock(lock_name, std::chrono::milliseconds(0));
        auto held = co_await std::move(locking);
        if (!held) co_return held.error();
        std::vector<Condition> same_name{{"name", Op::eq, {Value(name)}}};
        json::object process{{"name", name}};
        auto finding = find_or_make(run, "externalHandlerProcess", std::move(same_name), std::move(process));
        auto process_id = co_await std::move(finding);
        if (!process_id) co_return process_id.error();
        auto activating = run->run("externalhandlerprocess.create", *process_id, {});
        auto activated = co_await std::move(activating);
        if (!activated) co_return activated.error();
        std::vector<Condition> same_ends{{"externalHandlerId", Op::eq, {Value(handler)}},
                                         {"externalHandlerProcessId", Op::eq, {Value(*process_id)}}};
        json::object map{{"externalHandlerId", handler}, {"externalHandlerProcessId", *process_id}};
        auto mapping =
            find_or_make(run, "externalHandlerExternalHandlerProcessMap", std::move(same_ends), std::move(map));
        auto map_id = co_await std::move(mapping);
        if (!map_id) co_return map_id.error();
        auto activating_map = run->run("externalhandlerexternalhandlerprocessmap.create", *map_id, {});
        auto mapped = co_await std::move(activating_map);
        if (!mapped) co_return mapped.error();
    }
    LogicResult result;
    result.data["processNames"] = nullptr;
    co_return result;
}

Logic logic(std::string name, std::string process, LogicPhase phase,
            std::function<Async<Result<LogicResult>>(ProcessRunPtr)> call) {
    Logic made;
    made.name = std::move(name);
    made.processes = {std::move(process)};
    made.phase = phase;
    made.priority = kPriorityDefault;
    made.call = std::move(call);
    return made;
}

}  // namespace

std::vector<Logic> builtin_logic() {
    return {
        logic("ActivateByDefault", "*.create", LogicPhase::post, activate_by_default),
        logic("SetRemovedFields", "*.remove", LogicPhase::post, set_removed_fields),
        logic("ClearRemovedFields", "*.restore", LogicPhase::post, clear_removed_fields),
        logic("ExternalHandlerActivate", "externalhandler.activate", LogicPhase::handler, external_handler_activate)};
}

}  // namespace drover::engine
