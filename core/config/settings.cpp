#include "config/settings.hpp"

namespace drover::core {

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
    auto checked = check(std::move(given), catalogue);
    if (!checked.problems.empty()) return Error(Errc::invalid, std::move(checked.problems));
    return std::move(checked.settings);
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
        if (option.is_pattern()) {
            for (const auto& [key, setting] : settings_)
                if (const auto star = star_of(option.key, key);
                    star && setting.value && setting.known.option.is_pattern())
                    values[option.name + "." + *star] = *setting.value;
            continue;
        }
        const auto found = settings_.find(key_of(instance, option));
        if (found == settings_.end()) continue;
        // Where nobody gave one, each of the plugins that share a key has its own default.
        const auto& value = found->second.source == "default" ? option.fallback : found->second.value;
        if (value) values[option.name] = *value;
    }
    return values;
}

Result<void> Settings::check_required(const std::string& instance, const PluginInfo& plugin) const {
    std::string problems;
    const auto given = values_of(instance, plugin);
    for (const auto& option : plugin.options) {
        if (!option.required() || given.contains(option.name)) continue;
        problems += (problems.empty() ? "" : "\n") + key_of(instance, option) + ": is required by " + plugin.note.id +
                    " and not set: " + option.summary;
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return ok;
}

Result<Config> Settings::config_of(const std::string& instance, const PluginInfo& plugin) const {
    if (auto given = check_required(instance, plugin); !given) return given.error();
    return Config::make(plugin.options, values_of(instance, plugin));
}

}  // namespace drover::core
