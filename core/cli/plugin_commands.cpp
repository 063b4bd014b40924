#include <boost/json.hpp>

#include <iostream>

#include "cli/commands.hpp"
#include "kernel/server.hpp"

namespace drover::core {
namespace {

int fail(const Error& error) {
    std::cerr << "drover: " << error.describe() << "\n";
    return 1;
}

std::string services_text(const PluginInfo& plugin) {
    std::string text;
    for (const auto& service : plugin.provides) text += (text.empty() ? "" : ", ") + service.slot;
    for (const auto& role : plugin.roles) text += (text.empty() ? "role " : ", role ") + role.name;
    for (const auto& extension : plugin.extends)
        text += (text.empty() ? "extends " : ", extends ") + extension.id.substr(extension.id.rfind('.') + 1);
    return text;
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

void print(const PluginInfo& plugin) {
    std::cout << plugin.note.id << " " << plugin.note.version << "\n  " << plugin.summary << "\n\n"
              << "  file       " << plugin.file.string() << "\n"
              << "  build      " << plugin.note.build_id << "\n"
              << "  sdk        " << plugin.note.abi_major << "." << plugin.note.abi_minor << "\n"
              << "  toolchain  " << plugin.note.toolchain << "\n";
    for (const auto& role : plugin.roles) std::cout << "  role       " << role.name << ": " << role.summary << "\n";
    for (const auto& service : plugin.provides) {
        std::cout << "  provides   " << service.id << " version " << service.version << " (service." << service.slot
                  << ")";
        for (const auto& [name, value] : service.traits) std::cout << ", " << name << "=" << value;
        std::cout << "\n";
    }
    for (const auto& need : plugin.needs)
        std::cout << "  " << (need.optional ? "may use   " : "needs     ") << " " << need.id << " version "
                  << need.version << " (service." << need.slot << ")\n";
    for (const auto& extension : plugin.extends)
        std::cout << "  extends    " << extension.id << " version " << extension.version << "\n";
    for (const auto& collected : plugin.collects)
        std::cout << "  collects   " << collected.id << " version " << collected.version << "\n";
    for (const auto& type : plugin.resource_types) std::cout << "  type       " << type << "\n";
    for (const auto& type : plugin.api_types) std::cout << "  API type   " << type << "\n";
    for (const auto& process : plugin.processes) std::cout << "  process    " << process << "\n";
    if (!plugin.options.empty()) std::cout << "\n  options:\n";
    for (const auto& option : plugin.options) {
        std::cout << "    " << key_of(plugin.short_name(), option) << " (" << to_string(option.type)
                  << (option.is_live ? ", live" : "") << ")"
                  << (option.required() ? "  required" : "  default: " + option.fallback.value_or("none")) << "\n"
                  << "        " << option.summary;
        if (!option.choices.empty()) {
            std::cout << " One of:";
            for (const auto& choice : option.choices) std::cout << " " << choice;
            std::cout << ".";
        }
        std::cout << "\n";
    }
}

}  // namespace

int run_plugin_list(const CommonOptions& options) {
    auto both = prepare_settings(GivenSettings::from_process(options.config, options.defines));
    if (!both) return fail(both.error());
    const auto& catalogue = both->first;
    if (options.json) {
        boost::json::array plugins;
        for (const auto& plugin : catalogue.plugins) plugins.push_back(boost::json::parse(to_json(plugin)));
        boost::json::array refused;
        for (const auto& one : catalogue.refused)
            refused.push_back(boost::json::object{
                {"file", one.file.string()}, {"reason", one.error.message()}, {"hint", one.error.hint()}});
        std::cout << boost::json::object{{"plugins", std::move(plugins)}, {"refused", std::move(refused)}} << "\n";
        return 0;
    }
    for (const auto& plugin : catalogue.plugins)
        std::cout << padded(plugin.note.id, 24) << padded(plugin.note.version, 10) << padded(services_text(plugin), 36)
                  << plugin.summary << "\n";
    for (const auto& one : catalogue.refused) std::cout << "refused  " << one.error.describe() << "\n";
    return 0;
}

int run_plugin_inspect(const CommonOptions& options, const std::string& id_or_file) {
    const bool is_file = id_or_file.find('/') != std::string::npos || id_or_file.ends_with(".so");
    std::vector<PluginInfo> found;
    if (is_file) {
        auto plugin = describe(id_or_file);
        if (!plugin) return fail(plugin.error());
        found.push_back(std::move(*plugin));
    } else {
        auto both = prepare_settings(GivenSettings::from_process(options.config, options.defines));
        if (!both) return fail(both.error());
        for (const auto* plugin : both->first.named(id_or_file)) found.push_back(*plugin);
        if (found.empty()) {
            std::vector<std::string> names;
            for (const auto& plugin : both->first.plugins) names.push_back(plugin.note.id);
            const auto near = nearest(id_or_file, names);
            return fail(Error(Errc::not_found, "no plugin " + id_or_file + " was found",
                              near.empty() ? "See: drover plugin list" : "Did you mean " + near + "?"));
        }
    }
    for (const auto& plugin : found) {
        if (options.json) std::cout << to_json(plugin) << "\n";
        else print(plugin);
    }
    return 0;
}

}  // namespace drover::core
