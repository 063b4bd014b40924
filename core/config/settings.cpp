#include "config/settings.hpp"

#include <algorithm>
#include <set>

namespace drover::core {
namespace {

/// plugin.NAME.REST
struct InstanceKey {
    std::string instance;
    std::string rest;
};
std::optional<InstanceKey> split_instance_key(const std::string& key) {
    constexpr std::string_view kPrefix = "plugin.";
    if (!key.starts_with(kPrefix)) return std::nullopt;
    const auto dot = key.find('.', kPrefix.size());
    if (dot == std::string::npos) return std::nullopt;
    return InstanceKey{key.substr(kPrefix.size(), dot - kPrefix.size()), key.substr(dot + 1)};
}

Option about_use() {
    return text("use", "", "Which plugin this instance is: an id such as drover.redis, or its last word.").optional();
}
Option about_build() {
    return text("build", "",
                "Which build of the plugin, when several were found: a version or the begin of a build id.")
        .optional();
}

}  // namespace

const std::vector<Option>& kernel_options() {
    using namespace std::chrono_literals;
    static const std::vector<Option> options{
        list("server.profile", "all", "The roles that run in this process, or all of them that were found."),
        text("server.home", "drover-home", "Folder for data and state, made when it is missing; one server each."),
        text("server.name", "", "What people call this server; the host name when empty."),
        integer("server.threads", 2, 1, 64, "Threads of the executor that runs everything asynchronous."),
        duration("server.start-timeout", 30s, "How long each plugin may take to start."),
        duration("server.drain-timeout", 20s, "How long each plugin may take to finish its work at shutdown."),
        duration("server.stop-timeout", 10s, "How long each plugin may take to give everything back at shutdown."),
        list("plugin.path", "", "Folders with more plugins, besides Drover's own."),
        choice("log.format", "text", {"text", "json"}, "Log lines for people, or JSON objects for programs."),
        choice("log.level", "info", {"debug", "info", "warning", "error"}, "The least level that is logged."),
        text("log.file", "", "File the log goes to; standard error when empty."),
    };
    return options;
}

std::string key_of(const std::string& instance, const Option& option) {
    return option.key.empty() ? "plugin." + instance + "." + option.name : option.key;
}

std::string Setting::shown() const {
    if (!value) return "(not set)";
    if (known.option.type == OptionType::secret) return value->empty() ? "" : "(hidden)";
    return *value;
}

Result<Settings> Settings::make(GivenSettings given, const Catalogue& catalogue) {
    Settings settings;
    std::string problems;
    const auto complain = [&](const std::string& text) { problems += (problems.empty() ? "" : "\n") + text; };

    // Who is there: instances that the configuration names with `use`, then plugins under their own names.
    std::set<std::string> named;
    for (const auto& [key, value] : given.named()) {
        const auto split = split_instance_key(key);
        if (!split || split->rest != kUseKey || value.value.empty()) continue;
        const auto build = given.find("plugin." + split->instance + "." + std::string(kBuildKey));
        settings.instances_.push_back({split->instance, value.value, build ? build->value : "", value.source});
        named.insert(split->instance);
    }
    for (const auto& plugin : catalogue.plugins) {
        if (!named.insert(plugin.short_name()).second) continue;
        const auto build = given.find("plugin." + plugin.short_name() + "." + std::string(kBuildKey));
        settings.instances_.push_back({plugin.short_name(), plugin.note.id, build ? build->value : "", ""});
    }

    // What is known.
    std::map<std::string, KnownKey> known;
    for (const auto& option : kernel_options()) known[option.name] = {option.name, option, "kernel"};
    for (const auto& plugin : catalogue.plugins) {
        for (const auto& service : plugin.provides) {
            const auto key = "service." + service.slot;
            known.emplace(
                key, KnownKey{key, drover::text(key, "", "Which plugin instance serves " + service.id + ".").optional(),
                              "kernel"});
        }
    }
    for (const auto& instance : settings.instances_) {
        for (const auto& option : {about_use(), about_build()}) {
            const auto key = "plugin." + instance.name + "." + option.name;
            known.emplace(key, KnownKey{key, option, "kernel"});
        }
        for (const auto* plugin : catalogue.named(instance.use)) {
            for (const auto& option : plugin->options) {
                const auto key = key_of(instance.name, option);
                known.emplace(key, KnownKey{key, option, plugin->note.id + " as " + instance.name});
            }
        }
    }

    // What was given but nobody knows.
    std::vector<std::string> known_keys;
    std::set<std::string> folded;
    for (const auto& [key, entry] : known) {
        known_keys.push_back(key);
        folded.insert(fold_key(key));
    }
    for (const auto& [key, value] : given.named()) {
        if (known.contains(key)) continue;
        const auto split = split_instance_key(key);
        const auto at = value.source + ": " + key + ": ";
        std::string near;
        if (split && named.contains(split->instance)) {
            // The instance is known: the nearest of its own options, and where to read about them.
            const auto& instance = *std::find_if(settings.instances_.begin(), settings.instances_.end(),
                                                 [&](const auto& one) { return one.name == split->instance; });
            const auto plugins = catalogue.named(instance.use);
            std::vector<std::string> names;
            for (const auto* plugin : plugins)
                for (const auto& option : plugin->options) names.push_back(option.name);
            near = nearest(split->rest, names);
            const auto id = plugins.empty() ? instance.use : plugins.front()->note.id;
            complain(at + "unknown option of " + id + "." + (near.empty() ? "" : " Did you mean " + near + "?") +
                     (plugins.empty() ? "" : " See: drover plugin inspect " + id));
            continue;
        }
        near = nearest(key, known_keys);
        if (split)
            complain(at + "no plugin is called " + split->instance + " and no plugin.use names one." +
                     (near.empty() ? " Name it with plugin." + split->instance + ".use=ID; see: drover plugin list"
                                   : " Did you mean " + near + "?"));
        else
            complain(at + "unknown key." +
                     (near.empty() ? " See: drover config reference" : " Did you mean " + near + "?"));
    }
    for (const auto& [name, variable] : given.environment()) {
        if (folded.contains(name)) continue;
        std::vector<std::string> names(folded.begin(), folded.end());
        auto near = nearest(name, names);
        for (char& c : near) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        complain("environment: " + variable.first + ": unknown key." +
                 (near.empty() ? " Variables that begin with DROVER_ are read as keys; see: drover config reference"
                               : " Did you mean DROVER_" + near + "?"));
    }

    // What is in force.
    for (const auto& [key, entry] : known) {
        Setting setting{entry, entry.option.fallback, "default"};
        if (auto value = given.find(key)) {
            setting.value = std::move(value->value);
            setting.source = std::move(value->source);
            if (const auto parsed = parse_option(entry.option, *setting.value); !parsed)
                complain(setting.source + ": " + key + ": " + parsed.error().describe());
        }
        settings.settings_.emplace(key, std::move(setting));
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return settings;
}

std::string Settings::text(std::string_view key) const {
    const auto found = settings_.find(std::string(key));
    return found == settings_.end() ? std::string() : found->second.value.value_or("");
}

std::vector<std::string> Settings::list(std::string_view key) const {
    const auto found = settings_.find(std::string(key));
    if (found == settings_.end() || !found->second.value) return {};
    Option as_list;
    as_list.type = OptionType::list;
    return std::get<std::vector<std::string>>(*parse_option(as_list, *found->second.value));
}

std::chrono::milliseconds Settings::duration(std::string_view key) const {
    const auto& setting = settings_.at(std::string(key));
    return std::get<std::chrono::milliseconds>(parse_option(setting.known.option, *setting.value).value());
}

std::map<std::string, std::string> Settings::values_of(const std::string& instance, const PluginInfo& plugin) const {
    std::map<std::string, std::string> values;
    for (const auto& option : plugin.options) {
        const auto found = settings_.find(key_of(instance, option));
        if (found != settings_.end() && found->second.value) values[option.name] = *found->second.value;
    }
    return values;
}

Result<Config> Settings::config_of(const std::string& instance, const PluginInfo& plugin) const {
    std::string problems;
    for (const auto& option : plugin.options) {
        if (!option.required() || values_of(instance, plugin).contains(option.name)) continue;
        problems += (problems.empty() ? "" : "\n") + key_of(instance, option) + ": is required by " + plugin.note.id +
                    " and not set: " + option.summary;
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return Config::make(plugin.options, values_of(instance, plugin));
}

}  // namespace drover::core
