// /v1/settings and /v1/activesettings: what is in force, and what the store says about it.
#include <algorithm>

#include "json_text.hpp"
#include "parameters.hpp"
#include "state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestValue = 1'024;

/// One setting as clients see it.
struct Shown {
    std::int64_t id = 0;  ///< of the stored row; 0: there is none
    std::string name;
    std::optional<std::string> value, active;
    std::string source;
};

void append_optional(std::string& out, const std::optional<std::string>& text) {
    if (text) append_text(out, *text);
    else out += "null";
}

std::string shown_text(const Ask& ask, const Shown& setting) {
    const auto raw = setting.id > 0 ? std::to_string(setting.id) : setting.name;
    const auto id = ask.caller().plain_ids ? raw : format_id("activeSetting", raw);
    std::string out = "{\"id\":";
    append_text(out, id);
    out += R"(,"type":"activeSetting","links":{"self":)";
    append_text(out, lower(ask.request->base + "/activesettings/" + percent_encoded(id)));
    out += "},\"actions\":{},\"name\":";
    append_text(out, setting.name);
    out += ",\"value\":";
    append_optional(out, setting.value);
    out += ",\"activeValue\":";
    append_optional(out, setting.active);
    out += ",\"source\":";
    append_text(out, setting.source);
    out += setting.id > 0 ? ",\"inDb\":true}" : ",\"inDb\":false}";
    return out;
}

bool wanted(const Ask& ask, const std::string& name) {
    const auto all = [&](const char* parameter, auto holds) {
        const auto found = ask.request->parameters.find(parameter);
        return found == ask.request->parameters.end() || std::all_of(found->second.begin(), found->second.end(), holds);
    };
    return all("name", [&](const std::string& text) { return name == text; }) &&
           all("name_ne", [&](const std::string& text) { return name != text; }) &&
           all("name_prefix", [&](const std::string& text) { return name.starts_with(text); }) &&
           all("name_like", [&](const std::string& text) { return like_matches(name, text); });
}

/// Everything known, by name: what is in force and what is stored.
std::map<std::string, Shown> together(const std::vector<SettingValue>& active, const std::vector<Row>& stored) {
    std::map<std::string, Shown> all;
    for (const auto& one : active) {
        if (one.key.empty() || one.key.front() < 'a' || one.key.front() > 'z') continue;
        if (one.key.find('*') != std::string::npos) continue;  // stands for many keys
        auto& shown = all[one.key];
        shown.name = one.key;
        if (!one.secret) shown.value = shown.active = one.value;
        shown.source = one.source;
    }
    for (const auto& row : stored) {
        const std::string name(row.record["name"].text());
        auto& shown = all[name];
        shown.name = name;
        shown.id = row.record.id();
        const auto& value = row.record["value"];
        shown.value = value.is_null() ? std::nullopt : std::optional<std::string>(value.text());
        if (shown.source.empty()) shown.source = "Database";
    }
    return all;
}

Result<std::string> text_in(const json::object& body, const char* name, std::size_t longest, bool required) {
    const auto* value = body.if_contains(name);
    while (value && value->is_array() && !value->as_array().empty()) value = &value->as_array().front();
    if (!value || value->is_null()) {
        if (required) return invalid_field("MissingRequired", name, std::string(name) + " is required");
        return std::string();
    }
    std::string text;
    if (value->is_string()) text = std::string(value->as_string());
    else if (value->is_int64()) text = std::to_string(value->as_int64());
    else if (value->is_bool()) text = value->as_bool() ? "true" : "false";
    else return invalid_field("InvalidFormat", name, std::string(name) + " is a text");
    if (required && text.empty()) return invalid_field("MissingRequired", name, std::string(name) + " is required");
    if (text.size() > longest)
        return invalid_field("MaxLengthExceeded", name,
                             std::string(name) + " has at most " + std::to_string(longest) + " bytes");
    return text;
}

}  // namespace

Async<Result<HttpResponse>> RestApi::State::settings_answer(Ask ask) {
    const auto& method = ask.request->method;
    Query query;
    query.type = "setting";
    query.limit = kLargestPage;
    auto page = co_await reads.query_primary(std::move(query));
    if (!page) co_return page.error();
    auto all = together(engine.settings(), page->rows);
    if (!ask.request->link.empty()) co_return not_found();

    if (ask.request->id.empty() && method == "GET") {
        std::vector<std::string> rows;
        for (const auto& [name, setting] : all)
            if (wanted(ask, name)) rows.push_back(shown_text(ask, setting));
        Ask as_active = ask;
        if (const auto* type = ask.set->find("activeSetting")) as_active.type = type;
        co_return collection_of(as_active, rows);
    }

    std::string name;
    if (ask.request->id.empty()) {
        auto given = text_in(ask.request->body, "name", kLongestName, true);
        if (!given) co_return given.error();
        name = *given;
        if (!std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; }))
            co_return invalid_field("InvalidCharacters", "name", "the name of a setting is printable ASCII");
        if (const auto there = all.find(name); there != all.end() && there->second.id > 0)
            co_return refusal(409, "Conflict", "name", "this setting is stored already; change it with PUT");
    } else {
        // A stored one goes by its number, any by its key.
        const auto number = parse_row_id(ask.request->id);
        const auto raw = parse_id(ask.request->id);
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) {
            return number ? one.second.id == *number : raw && lower(one.first) == lower(*raw);
        });
        if (found == all.end()) co_return not_found();
        name = found->first;
    }
    const auto& before = all[name];
    if (method == "GET") co_return json_response(200, shown_text(ask, before));

    Batch batch;
    batch.id = new_uuid();
    if (method == "DELETE") {
        if (before.id == 0) co_return json_response(200, shown_text(ask, before));
        Delete one;
        one.type = "setting";
        one.id = before.id;
        batch.operations.emplace_back(std::move(one));
    } else {
        auto value = text_in(ask.request->body, "value", kLongestValue, false);
        if (!value) co_return value.error();
        if (before.id == 0) {
            Create one;
            one.type = "setting";
            one.values = {{"name", Value(name)}, {"value", Value(*value)}};
            batch.operations.emplace_back(std::move(one));
        } else {
            Update one;
            one.type = "setting";
            one.id = before.id;
            one.values = {{"value", Value(*value)}};
            batch.operations.emplace_back(std::move(one));
        }
    }
    auto written = co_await store.commit(std::move(batch), reads.deadline());
    if (!written && written.error().code() == Errc::conflict) co_return refusal(409, "Conflict", "name");
    if (!written) co_return written.error();
    auto refreshed = co_await engine.refresh_settings();
    if (!refreshed)
        context.log().warning("settings are written but not yet in force", {{"why", refreshed.error().message()}});
    settings.forget();
    tell_change(ask, std::nullopt, method == "POST" ? 201 : 200);

    Query again;
    again.type = "setting";
    again.limit = kLargestPage;
    auto now = co_await reads.query_primary(std::move(again));
    if (!now) co_return now.error();
    auto after = together(engine.settings(), now->rows);
    auto shown = after.contains(name) ? after[name] : before;
    co_return json_response(method == "POST" ? 201 : 200, shown_text(ask, shown));
}

}  // namespace drover::rest
