// Processes and their logic, for people and tools: processDefinition, resourceDefinition, extensionPoint, explain.
#include <algorithm>
#include <array>
#include <set>

#include <boost/json/serialize.hpp>

#include "json_text.hpp"
#include "state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

json::value text_or_null(const std::map<std::string, std::string>& properties, const char* name) {
    const auto found = properties.find(name);
    return found == properties.end() || found->second.empty() ? json::value(nullptr) : json::value(found->second);
}

json::object implementation_json(const LogicInfo& logic) {
    json::object properties;
    for (const auto& [name, value] : logic.properties) properties[name] = value;
    properties["priority"] = std::to_string(logic.priority);
    std::string name = logic.name;
    const bool external = logic.plugin == "external";
    if (external) {
        constexpr std::string_view kDynamic = "Dynamic : ";
        if (name.starts_with(kDynamic)) name = name.substr(kDynamic.size());
        properties["name"] = name;
        properties["eventName"] = text_or_null(logic.properties, "eventName");
        properties["retry"] = text_or_null(logic.properties, "retry");
        properties["timeoutMillis"] = text_or_null(logic.properties, "timeoutMillis");
        name = std::string(kDynamic) + name;
    }
    return {{"name", name}, {"className", logic.plugin}, {"properties", std::move(properties)}};
}

constexpr std::array<std::pair<LogicPhase, const char*>, 3> kPhases{
    {{LogicPhase::pre, ".pre.listeners"}, {LogicPhase::handler, ".handlers"}, {LogicPhase::post, ".post.listeners"}}};

json::object point_json(const std::string& process, std::size_t phase, const std::vector<LogicInfo>& all) {
    const auto key = "process." + process + kPhases[phase].second;
    json::array implementations;
    for (const auto& logic : all)
        if (logic.phase == kPhases[phase].first) implementations.push_back(implementation_json(logic));
    return {{"id", nullptr},
            {"type", "extensionPoint"},
            {"links", json::object{}},
            {"actions", json::object{}},
            {"name", key},
            {"implementations", std::move(implementations)},
            {"listSetting", key + ".list"},
            {"excludeSetting", key + ".exclude"},
            {"includeSetting", key + ".include"}};
}

json::array transitions_json(const ProcessDefinition& process) {
    json::array all;
    const auto add = [&](const std::string& from, const std::string& to, const char* kind) {
        all.push_back(
            json::object{{"fromState", from}, {"toState", to}, {"field", process.state_field}, {"type", kind}});
    };
    for (const auto& change : process.changes) {
        for (const auto& start : change.start) add(start, change.transitioning, "TRANSITIONING");
        add(change.transitioning, change.done, "DONE");
    }
    return all;
}

std::string text_id(const Caller& caller, std::string_view type, const std::string& name) {
    return caller.plain_ids ? name : format_id(type, name);
}

json::object definition_json(const Ask& ask, const ProcessDefinition& process, const std::vector<LogicInfo>& logic) {
    const auto id = text_id(ask.caller(), "processDefinition", process.name);
    const auto self = lower(ask.request->base + "/processdefinitions/" + id);
    return {{"id", id},
            {"type", "processDefinition"},
            {"links", json::object{{"self", self}, {"processDot", self + "/processdot"}}},
            {"actions", json::object{}},
            {"name", process.name},
            {"resourceType", process.resource_type},
            {"extensionBased", true},
            {"stateTransitions", transitions_json(process)},
            {"preProcessListeners", point_json(process.name, 0, logic)},
            {"processHandlers", point_json(process.name, 1, logic)},
            {"postProcessListeners", point_json(process.name, 2, logic)}};
}

/// A name inside quotes of the dot language.
std::string quoted(std::string_view name) {
    std::string text = "\"";
    for (const char c : name) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
    }
    return text + '"';
}

/// The implementations of one phase, or no-op.
std::string names_of(const std::vector<LogicInfo>& all, LogicPhase phase, bool& any) {
    std::string names;
    for (const auto& logic : all) {
        if (logic.phase != phase) continue;
        names += (names.empty() ? "" : ",") + logic.name;
        any = true;
    }
    return names.empty() ? "no-op" : names;
}

void append_dot(std::string& out, const Ask& ask, const ProcessDefinition& process,
                const std::vector<LogicInfo>& logic) {
    const auto prefix = process.state_field == "state" ? std::string() : process.state_field + ":";
    const auto url =
        lower(ask.request->base + "/processdefinitions/" + text_id(ask.caller(), "processDefinition", process.name));
    bool any = false;
    const auto label = process.name + "[pre=" + names_of(logic, LogicPhase::pre, any) +
                       ",logic=" + names_of(logic, LogicPhase::handler, any) +
                       ",post=" + names_of(logic, LogicPhase::post, any) + "]  ";
    std::set<std::string> targets;
    for (const auto& change : process.changes) {
        for (const auto& start : change.start)
            out += "  " + quoted(prefix + start) + " -> " + quoted(prefix + change.transitioning) +
                   " [style=\"dotted\" label=" + quoted(process.name) + " URL=" + quoted(url) + "]\n";
        out += "  " + quoted(prefix + change.transitioning) + " -> " + quoted(prefix + change.done) +
               " [color=\"orange\" label=" + quoted(label) +
               (any ? " fontname=\"times-bold\" color=\"green\" style=\"bold\"" : "") + "]\n";
        targets.insert(prefix + change.transitioning);
    }
    for (const auto& target : targets) out += "  " + quoted(target) + " [color=\"orange\"];\n";
}

HttpResponse dot_response(const std::string& name, const std::string& edges) {
    return {200, {{"Content-Type", "text/plain"}}, "digraph " + quoted(name) + " {\n" + edges + "}\n"};
}

std::vector<const ProcessDefinition*> sorted_processes(const Model& model) {
    std::vector<const ProcessDefinition*> all;
    for (const auto& process : model.processes()) all.push_back(&process);
    std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->name < b->name; });
    return all;
}

/// The raw name in the id that was sent.
std::string name_in(const Ask& ask) {
    const auto raw = parse_id(ask.request->id);
    return raw ? lower(*raw) : std::string();
}

}  // namespace

Async<Result<HttpResponse>> RestApi::State::process_definitions(Ask ask) {
    const auto& model = sets().model();
    if (ask.request->id.empty()) {
        std::vector<std::string> rows;
        for (const auto* process : sorted_processes(model)) {
            auto logic = co_await engine.logic_of(process->name);
            if (!logic) co_return logic.error();
            rows.push_back(json::serialize(definition_json(ask, *process, *logic)));
        }
        co_return collection_of(ask, rows);
    }
    const auto* process = model.process(name_in(ask));
    if (!process) co_return not_found();
    auto logic = co_await engine.logic_of(process->name);
    if (!logic) co_return logic.error();
    const auto link = lower(ask.request->link);
    if (link.empty()) co_return json_response(200, json::serialize(definition_json(ask, *process, *logic)));
    if (link != "processdot") co_return not_found();
    std::string edges;
    append_dot(edges, ask, *process, *logic);
    co_return dot_response(process->name, edges);
}

Async<Result<HttpResponse>> RestApi::State::resource_definitions(Ask ask) {
    const auto& model = sets().model();
    std::set<std::string> types;
    for (const auto& process : model.processes()) types.insert(process.resource_type);
    const auto shown = [&](const std::string& type) {
        const auto id = text_id(ask.caller(), "resourceDefinition", type);
        const auto self = lower(ask.request->base + "/resourcedefinitions/" + id);
        const json::object one{
            {"id", id},
            {"type", "resourceDefinition"},
            {"links",
             json::object{{"self", self}, {"processes", self + "/processes"}, {"resourceDot", self + "/resourcedot"}}},
            {"actions", json::object{}},
            {"name", type}};
        return json::serialize(one);
    };
    if (ask.request->id.empty()) {
        std::vector<std::string> rows;
        for (const auto& type : types) rows.push_back(shown(type));
        co_return collection_of(ask, rows);
    }
    const auto wanted = name_in(ask);
    const auto found = std::find_if(types.begin(), types.end(), [&](const auto& one) { return lower(one) == wanted; });
    if (found == types.end()) co_return not_found();
    const auto link = lower(ask.request->link);
    if (link.empty()) co_return json_response(200, shown(*found));
    if (link != "processes" && link != "resourcedot") co_return not_found();
    std::vector<std::string> rows;
    std::string edges;
    Ask there = ask;
    if (const auto* type = ask.set->find("processDefinition")) there.type = type;
    for (const auto* process : sorted_processes(model)) {
        if (process->resource_type != *found) continue;
        auto logic = co_await engine.logic_of(process->name);
        if (!logic) co_return logic.error();
        if (link == "processes") rows.push_back(json::serialize(definition_json(there, *process, *logic)));
        else append_dot(edges, ask, *process, *logic);
    }
    if (link == "processes") co_return collection_of(there, rows);
    co_return dot_response(*found, edges);
}

Async<Result<HttpResponse>> RestApi::State::extension_points(Ask ask) {
    if (!ask.request->id.empty()) co_return not_found();
    std::map<std::string, std::string> points;  // sorted by key
    for (const auto& process : sets().model().processes()) {
        auto logic = co_await engine.logic_of(process.name);
        if (!logic) co_return logic.error();
        for (std::size_t phase = 0; phase < kPhases.size(); ++phase) {
            const auto point = point_json(process.name, phase, *logic);
            points[std::string(point.at("name").as_string())] = json::serialize(point);
        }
    }
    std::vector<std::string> rows;
    for (auto& [key, text] : points) rows.push_back(std::move(text));
    co_return collection_of(ask, rows);
}

Async<Result<HttpResponse>> RestApi::State::explanation(Ask ask, std::int64_t id) {
    auto row = co_await visible_row(ask, id);
    if (!row) co_return row.error();
    auto explained = co_await engine.explain(id);
    if (!explained && explained.error().code() == Errc::not_found) co_return not_found();
    if (!explained) co_return explained.error();
    const auto of = lower(ask.request->base + '/' + ask.type->path + '/' + ask.caller().format(ask.type->base, id));
    json::object shown{{"id", ask.caller().format(ask.type->base, id)},
                       {"type", "processExplanation"},
                       {"links", json::object{{"self", of + "/explain"}, {"processInstance", of}}},
                       {"actions", json::object{}}};
    for (auto& [key, value] : *explained)
        if (!shown.contains(key)) shown[key] = std::move(value);
    co_return json_response(200, json::serialize(shown));
}

}  // namespace drover::rest
