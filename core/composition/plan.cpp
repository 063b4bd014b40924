#include <boost/json.hpp>

#include "composition/composition.hpp"

namespace drover::core {
namespace {

std::string slot_of(const PluginInfo& plugin, const std::string& interface_id) {
    for (const auto& need : plugin.needs)
        if (need.id == interface_id) return need.slot;
    return interface_id;
}

std::string services_of(const PlannedInstance& instance) {
    std::string text;
    for (const auto& service : instance.plugin->provides) text += (text.empty() ? "" : " ") + service.slot;
    return text;
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

}  // namespace

std::string plan_as_text(const Composition& composition) {
    std::size_t width = 0;
    for (const auto& instance : composition.instances) width = std::max(width, instance.name.size());
    std::string roles;
    for (const auto& role : composition.roles) roles += " " + role;
    std::string text = "roles:" + (roles.empty() ? std::string(" (none)") : roles) + "\nstart order:\n";
    std::size_t step = 0;
    for (const auto& instance : composition.instances) {
        const bool first = instance.step != step;
        step = instance.step;
        text += (first ? padded("  " + std::to_string(step), 5) : "     ") + padded(instance.name, width) + "  " +
                instance.plugin->title();
        if (const auto services = services_of(instance); !services.empty()) text += "  provides " + services;
        text += "\n";
        const auto last = instance.bindings.empty() ? "" : instance.bindings.rbegin()->first;
        for (const auto& [id, provider] : instance.bindings)
            text += "     " + std::string(id == last ? "└─ " : "├─ ") + slot_of(*instance.plugin, id) + " = " +
                    composition.instances[provider].name + "\n";
    }
    return text;
}

std::string plan_as_dot(const Composition& composition) {
    std::string text = "digraph \"drover\" {\n  rankdir=LR;\n  node [shape=box];\n";
    for (const auto& instance : composition.instances)
        text += "  \"" + instance.name + "\" [label=\"" + instance.name + "\\n" + instance.plugin->note.id + " " +
                instance.plugin->note.version + "\"];\n";
    for (const auto& instance : composition.instances)
        for (const auto& [id, provider] : instance.bindings)
            text += "  \"" + instance.name + "\" -> \"" + composition.instances[provider].name + "\" [label=\"" +
                    slot_of(*instance.plugin, id) + "\"];\n";
    return text + "}\n";
}

std::string plan_as_json(const Composition& composition) {
    namespace json = boost::json;
    json::array instances;
    for (const auto& instance : composition.instances) {
        json::object bindings;
        for (const auto& [id, provider] : instance.bindings)
            bindings[slot_of(*instance.plugin, id)] = composition.instances[provider].name;
        json::array provides;
        for (const auto& service : instance.plugin->provides) provides.push_back(json::string(service.slot));
        instances.push_back(json::object{{"name", instance.name},
                                         {"step", instance.step},
                                         {"plugin", instance.plugin->note.id},
                                         {"version", instance.plugin->note.version},
                                         {"build", instance.plugin->note.build_id},
                                         {"file", instance.plugin->file.string()},
                                         {"why", instance.why},
                                         {"provides", std::move(provides)},
                                         {"bindings", std::move(bindings)}});
    }
    return json::serialize(
        json::object{{"roles", json::value_from(composition.roles)}, {"instances", std::move(instances)}});
}

}  // namespace drover::core
