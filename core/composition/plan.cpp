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

std::string names_of(const Composition& composition, const std::vector<std::size_t>& indices) {
    std::string text;
    for (const auto i : indices) text += (text.empty() ? "" : ", ") + composition.instances[i].name;
    return text.empty() ? "(none)" : text;
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
        std::vector<std::string> uses;
        for (const auto& [id, provider] : instance.bindings)
            uses.push_back(slot_of(*instance.plugin, id) + " = " + composition.instances[provider].name);
        for (const auto& [id, extensions] : instance.collected)
            uses.push_back("collects " + id + ": " + names_of(composition, extensions));
        for (std::size_t i = 0; i < uses.size(); ++i)
            text += "     " + std::string(i + 1 == uses.size() ? "└─ " : "├─ ") + uses[i] + "\n";
    }
    for (const auto& [name, source] : composition.kept_out)
        text += "kept out: " + name + " (" + source + ": plugin." + name + ".use=off)\n";
    return text;
}

std::string plan_as_dot(const Composition& composition) {
    std::string text = "digraph \"drover\" {\n  rankdir=LR;\n  node [shape=box];\n";
    for (const auto& instance : composition.instances)
        text += "  \"" + instance.name + "\" [label=\"" + instance.name + "\\n" + instance.plugin->note.id + " " +
                instance.plugin->note.version + "\"];\n";
    for (const auto& instance : composition.instances) {
        for (const auto& [id, provider] : instance.bindings)
            text += "  \"" + instance.name + "\" -> \"" + composition.instances[provider].name + "\" [label=\"" +
                    slot_of(*instance.plugin, id) + "\"];\n";
        for (const auto& [id, extensions] : instance.collected)
            for (const auto extension : extensions)
                text += "  \"" + instance.name + "\" -> \"" + composition.instances[extension].name +
                        "\" [style=dashed label=\"" + id + "\"];\n";
    }
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
        json::array extends;
        for (const auto& extension : instance.plugin->extends) extends.push_back(json::string(extension.id));
        json::object collects;
        for (const auto& [id, extensions] : instance.collected) {
            json::array names;
            for (const auto i : extensions) names.push_back(json::string(composition.instances[i].name));
            collects[id] = std::move(names);
        }
        instances.push_back(json::object{{"name", instance.name},
                                         {"step", instance.step},
                                         {"plugin", instance.plugin->note.id},
                                         {"version", instance.plugin->note.version},
                                         {"build", instance.plugin->note.build_id},
                                         {"file", instance.plugin->file.string()},
                                         {"why", instance.why},
                                         {"provides", std::move(provides)},
                                         {"bindings", std::move(bindings)},
                                         {"extends", std::move(extends)},
                                         {"collects", std::move(collects)}});
    }
    json::array kept_out;
    for (const auto& [name, source] : composition.kept_out)
        kept_out.push_back(json::object{{"name", name}, {"source", source}});
    return json::serialize(json::object{{"roles", json::value_from(composition.roles)},
                                        {"instances", std::move(instances)},
                                        {"keptOut", std::move(kept_out)}});
}

}  // namespace drover::core
