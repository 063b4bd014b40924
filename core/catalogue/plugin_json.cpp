#include <boost/json.hpp>

#include "catalogue/catalogue.hpp"

namespace drover::core {
namespace {

namespace json = boost::json;

std::string text(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}
std::int64_t number(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value && value->is_int64() ? value->as_int64() : 0;
}
bool flag(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value && value->is_bool() && value->as_bool();
}

json::object traits_json(const Traits& traits) {
    json::object object;
    for (const auto& [name, value] : traits) object[name] = value;
    return object;
}
Traits traits_from(const json::object& from) {
    Traits traits;
    for (const auto& [name, value] : from.at("traits").as_object())
        traits[std::string(name)] = std::string(value.as_string());
    return traits;
}

json::object option_json(const Option& option) {
    json::object object{{"name", option.name},       {"type", to_string(option.type)},
                        {"summary", option.summary}, {"optional", option.is_optional},
                        {"live", option.is_live},    {"key", option.key}};
    if (option.fallback) object["default"] = *option.fallback;
    if (option.least) object["least"] = *option.least;
    if (option.most) object["most"] = *option.most;
    if (!option.choices.empty()) object["choices"] = json::value_from(option.choices);
    return object;
}

OptionType option_type(const std::string& name) {
    for (const auto type :
         {OptionType::text, OptionType::integer, OptionType::boolean, OptionType::duration, OptionType::size,
          OptionType::secret, OptionType::choice, OptionType::list, OptionType::address})
        if (to_string(type) == name) return type;
    throw std::invalid_argument("unknown option type " + name);
}

Option option_from(const json::object& from) {
    Option option;
    option.name = text(from, "name");
    option.type = option_type(text(from, "type"));
    option.summary = text(from, "summary");
    option.is_optional = flag(from, "optional");
    option.is_live = flag(from, "live");
    option.key = text(from, "key");
    if (from.contains("default")) option.fallback = text(from, "default");
    if (from.contains("least")) option.least = number(from, "least");
    if (from.contains("most")) option.most = number(from, "most");
    if (const auto* choices = from.if_contains("choices"))
        option.choices = json::value_to<std::vector<std::string>>(*choices);
    return option;
}

json::array services_json(const std::vector<ProvidedService>& services) {
    json::array list;
    for (const auto& service : services)
        list.push_back(json::object{{"id", service.id},
                                    {"version", service.version},
                                    {"slot", service.slot},
                                    {"traits", traits_json(service.traits)}});
    return list;
}
std::vector<ProvidedService> services_from(const json::value& from) {
    std::vector<ProvidedService> services;
    for (const auto& item : from.as_array()) {
        const auto& service = item.as_object();
        services.push_back({text(service, "id"), static_cast<int>(number(service, "version")), text(service, "slot"),
                            traits_from(service), nullptr});
    }
    return services;
}

}  // namespace

std::string to_json(const PluginInfo& plugin) {
    json::array needs;
    for (const auto& need : plugin.needs)
        needs.push_back(json::object{{"id", need.id},
                                     {"version", need.version},
                                     {"slot", need.slot},
                                     {"optional", need.optional},
                                     {"traits", traits_json(need.traits)}});
    json::array options;
    for (const auto& option : plugin.options) options.push_back(option_json(option));
    json::array collects;
    for (const auto& collected : plugin.collects)
        collects.push_back(json::object{{"id", collected.id}, {"version", collected.version}});
    json::array roles;
    for (const auto& role : plugin.roles)
        roles.push_back(
            json::object{{"name", role.name}, {"summary", role.summary}, {"in_every_profile", role.in_every_profile}});
    return json::serialize(
        json::object{{"id", plugin.note.id},
                     {"version", plugin.note.version},
                     {"sdk", std::to_string(plugin.note.abi_major) + "." + std::to_string(plugin.note.abi_minor)},
                     {"toolchain", plugin.note.toolchain},
                     {"build", plugin.note.build_id},
                     {"file", plugin.file.string()},
                     {"summary", plugin.summary},
                     {"provides", services_json(plugin.provides)},
                     {"needs", std::move(needs)},
                     {"extends", services_json(plugin.extends)},
                     {"collects", std::move(collects)},
                     {"options", std::move(options)},
                     {"roles", std::move(roles)},
                     {"resourceTypes", json::value_from(plugin.resource_types)},
                     {"apiTypes", json::value_from(plugin.api_types)},
                     {"processes", json::value_from(plugin.processes)}});
}

Result<PluginInfo> plugin_from_json(std::string_view json_text) {
    try {
        const auto parsed = json::parse(json_text);
        const auto& from = parsed.as_object();
        PluginInfo plugin;
        plugin.note.id = text(from, "id");
        plugin.note.version = text(from, "version");
        const auto sdk = text(from, "sdk");
        plugin.note.abi_major = std::stoi(sdk);
        plugin.note.abi_minor = std::stoi(sdk.substr(sdk.find('.') + 1));
        plugin.note.toolchain = text(from, "toolchain");
        plugin.note.build_id = text(from, "build");
        plugin.file = text(from, "file");
        plugin.summary = text(from, "summary");
        plugin.provides = services_from(from.at("provides"));
        plugin.extends = services_from(from.at("extends"));
        for (const auto& item : from.at("collects").as_array())
            plugin.collects.push_back(
                {text(item.as_object(), "id"), static_cast<int>(number(item.as_object(), "version"))});
        for (const auto& item : from.at("needs").as_array()) {
            const auto& need = item.as_object();
            plugin.needs.push_back({text(need, "id"), static_cast<int>(number(need, "version")), text(need, "slot"),
                                    flag(need, "optional"), traits_from(need)});
        }
        for (const auto& item : from.at("options").as_array()) plugin.options.push_back(option_from(item.as_object()));
        for (const auto& item : from.at("roles").as_array()) {
            const auto& role = item.as_object();
            plugin.roles.push_back({text(role, "name"), text(role, "summary"), flag(role, "in_every_profile")});
        }
        plugin.resource_types = json::value_to<std::vector<std::string>>(from.at("resourceTypes"));
        plugin.api_types = json::value_to<std::vector<std::string>>(from.at("apiTypes"));
        plugin.processes = json::value_to<std::vector<std::string>>(from.at("processes"));
        return plugin;
    } catch (const std::exception& failure) {
        return Error(Errc::invalid, std::string("not the description of a plugin: ") + failure.what());
    }
}

}  // namespace drover::core
