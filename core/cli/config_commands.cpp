#include <boost/json.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/commands.hpp"
#include "kernel/server.hpp"

namespace drover::core {
namespace {

int fail(const Error& error) {
    std::cerr << "drover: " << error.describe() << "\n";
    return 1;
}

std::string range_of(const Option& option) {
    std::string text(to_string(option.type));
    if (!option.choices.empty()) {
        text += ": ";
        for (std::size_t i = 0; i < option.choices.size(); ++i) text += (i ? ", " : "") + option.choices[i];
    } else if (option.least && option.most) {
        text += ", " + std::to_string(*option.least) + " to " + std::to_string(*option.most);
    }
    if (option.type == OptionType::duration) text += ", such as 250ms, 4s, 5m";
    return text;
}

std::string default_of(const Option& option) {
    if (option.required()) return "required";
    if (!option.fallback || option.fallback->empty()) return "none";
    return "`" + *option.fallback + "`";
}

void add_row(std::string& page, const std::string& key, const Option& option) {
    page += "| `" + key + "` | " + range_of(option) + " | " + default_of(option) + " | " +
            (option.is_live ? "yes" : "no") + " | " + option.summary + " |\n";
}

constexpr const char* kTableHead = "| key | type | default | live | meaning |\n| --- | --- | --- | --- | --- |\n";
constexpr const char* kWritten =
    "<!-- Written by `drover config reference`; a test fails when it is out of date. -->\n";

std::string kernel_page(const Catalogue& catalogue) {
    std::string page = std::string(kWritten) + "# The kernel's keys\n\n" + kTableHead;
    for (const auto& option : kernel_options()) add_row(page, option.name, option);
    page +=
        "\n## Slots\n\nWhich plugin instance serves what; needed only where several could.\n\n"
        "| key | interface | plugins that provide it |\n| --- | --- | --- |\n";
    std::map<std::string, std::pair<std::string, std::string>> slots;
    for (const auto& plugin : catalogue.plugins) {
        for (const auto& service : plugin.provides) {
            auto& [id, names] = slots["service." + service.slot];
            id = service.id;
            names += (names.empty() ? "" : ", ") + plugin.short_name();
        }
    }
    for (const auto& [key, slot] : slots) page += "| `" + key + "` | " + slot.first + " | " + slot.second + " |\n";
    page +=
        "\n## Instances\n\nA plugin is used under its own name, the last word of its id, or under names of your "
        "own:\n`plugin.NAME.use=ID` makes an instance NAME of the plugin ID; where several builds of a plugin "
        "were found,\n`plugin.NAME.build` chooses one by version or by the begin of its build id. "
        "`plugin.NAME.use=off` keeps the plugin NAME out.\n"
        "\n## Keys with a star\n\nA `*` in a key stands for one character or more, dots too: `task.*.schedule` is also "
        "`task.purge.resources.schedule`.\nIn a variable's name neither dots, dashes nor capitals can be told apart: "
        "`DROVER_TASK_PURGE_RESOURCES_SCHEDULE` is the key that\na file gives under such a name, otherwise the one in "
        "lower case with dots.\n"
        "\n## Settings that the store holds\n\nThey come after the environment, `-D`, `drover-local.properties` and "
        "the "
        "file of `--config`, and before\n`profiles/NAME.properties` and the defaults. Only live keys take a value from "
        "there.\n";
    return page;
}

std::string plugin_page(const PluginInfo& plugin) {
    std::string page = std::string(kWritten) + "# " + plugin.note.id + "\n\n" + plugin.summary + ".\n\n";
    for (const auto& role : plugin.roles) page += "Role `" + role.name + "`: " + role.summary + ".\n\n";
    for (const auto& service : plugin.provides) {
        page += "Provides `" + service.id + "` (slot `service." + service.slot + "`)";
        for (const auto& [name, value] : service.traits) page += ", " + name + " = " + value;
        page += ".\n\n";
    }
    for (const auto& need : plugin.needs)
        page += std::string(need.optional ? "May use" : "Needs") + " `" + need.id + "` (slot `service." + need.slot +
                "`).\n\n";
    for (const auto& extension : plugin.extends)
        page += "Extends `" + extension.id + "`: it is part of every server that collects that.\n\n";
    for (const auto& collected : plugin.collects)
        page += "Collects `" + collected.id + "`: every plugin found that extends it is drawn in.\n\n";
    if (plugin.options.empty()) return page + "It has no options.\n";
    page += kTableHead;
    for (const auto& option : plugin.options) add_row(page, key_of(plugin.short_name(), option), option);
    return page;
}

}  // namespace

int run_config_show(const CommonOptions& options, const std::string& only) {
    auto both = prepare_settings(GivenSettings::from_process(options.config, options.defines));
    if (!both) return fail(both.error());
    boost::json::array list;
    for (const auto& [key, setting] : both->second.all()) {
        if (!key.starts_with(only)) continue;
        if (options.json)
            list.push_back(boost::json::object{{"key", key},
                                               {"value", setting.shown()},
                                               {"source", setting.source},
                                               {"declaredBy", setting.known.declared_by},
                                               {"live", setting.known.option.is_live}});
        else std::cout << key << " = " << setting.shown() << "    [" << setting.source << "]\n";
    }
    if (options.json) std::cout << list << "\n";
    return 0;
}

int run_config_reference(const CommonOptions& options, const std::filesystem::path& folder, bool only_compare) {
    auto both = prepare_settings(GivenSettings::from_process(options.config, options.defines));
    if (!both) return fail(both.error());
    std::map<std::string, std::string> pages{{"kernel.md", kernel_page(both->first)}};
    for (const auto& plugin : both->first.plugins) pages[plugin.note.id + ".md"] = plugin_page(plugin);

    std::string stale;
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failure))
        if (!pages.contains(entry.path().filename().string()))
            stale += "\n  " + entry.path().string() + " (of no plugin that was found)";
    if (!only_compare) std::filesystem::create_directories(folder);
    for (const auto& [name, page] : pages) {
        const auto file = folder / name;
        if (only_compare) {
            std::ifstream in(file);
            std::ostringstream seen;
            seen << in.rdbuf();
            if (seen.str() != page) stale += "\n  " + file.string();
            continue;
        }
        std::ofstream out(file);
        out << page;
        if (!out.flush()) return fail(Error(Errc::denied, "cannot write " + file.string()));
    }
    if (only_compare && !stale.empty())
        return fail(Error(Errc::conflict, "these pages are out of date:" + stale,
                          "\nWrite them anew: drover config reference --output " + folder.string()));
    if (!only_compare) std::cout << "wrote " << pages.size() << " pages to " << folder.string() << "\n";
    return 0;
}

}  // namespace drover::core
