#include "cli/schema.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "cli/text.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

const json::object* object_in(const json::object& from, std::string_view name) {
    const auto* value = from.if_contains(name);
    return value ? value->if_object() : nullptr;
}

std::string text_in(const json::object& from, std::string_view name) {
    const auto* value = from.if_contains(name);
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string(*text) : std::string();
}

bool flag_in(const json::object& from, std::string_view name) {
    const auto* value = from.if_contains(name);
    const auto* flag = value ? value->if_bool() : nullptr;
    return flag && *flag;
}

std::vector<std::string> texts_in(const json::object& from, std::string_view name) {
    std::vector<std::string> texts;
    const auto* value = from.if_contains(name);
    const auto* array = value ? value->if_array() : nullptr;
    if (!array) return texts;
    for (const auto& item : *array)
        if (const auto* text = item.if_string()) texts.emplace_back(*text);
    return texts;
}

bool holds(const std::vector<std::string>& texts, std::string_view one) {
    return std::find(texts.begin(), texts.end(), one) != texts.end();
}

std::string last_segment(std::string_view url) {
    while (url.ends_with('/')) url.remove_suffix(1);
    return std::string(url.substr(url.rfind('/') + 1));
}

}  // namespace

std::string_view Field::outer() const { return std::string_view(type).substr(0, type.find('[')); }

std::string_view Field::inner() const {
    const auto open = type.find('[');
    if (open == std::string::npos || !type.ends_with(']')) return {};
    return std::string_view(type).substr(open + 1, type.size() - open - 2);
}

std::string plural_of(std::string_view id) {
    for (const auto* same : {"publish", "subscribe", "configContent"})
        if (id == same) return std::string(id);
    if (id == "authorized") return "authorized_keys";
    const bool hisses = id.ends_with('s') || id.ends_with("ch") || id.ends_with('x');
    return std::string(id) + (hisses ? "es" : "s");
}

std::string raw_id(std::string_view id) {
    auto rest = id;
    if (!rest.starts_with('1')) return std::string(id);
    rest.remove_prefix(1);
    const auto letters = rest;
    while (!rest.empty() && rest.front() >= 'a' && rest.front() <= 'z') rest.remove_prefix(1);
    if (rest.size() == letters.size()) return std::string(id);
    if (rest.starts_with('!')) rest.remove_prefix(1);
    return std::string(rest);
}

Result<Schema> Schema::parse(const json::value& document) {
    const auto* object = document.if_object();
    Schema schema;
    if (object) schema.id_ = text_in(*object, "id");
    if (schema.id_.empty()) return Error(Errc::invalid, "a schema of the API has no id");
    const auto* links = object_in(*object, "links");
    const auto collection = links ? text_in(*links, "collection") : std::string();
    schema.plural_ = lower(collection.empty() ? plural_of(schema.id_) : last_segment(collection));
    if (const auto* fields = object_in(*object, "resourceFields")) {
        for (const auto& [name, value] : *fields) {
            const auto* about = value.if_object();
            if (!about) continue;
            schema.fields_.push_back({name, text_in(*about, "type"), flag_in(*about, "nullable"),
                                      flag_in(*about, "create"), flag_in(*about, "update"), flag_in(*about, "required"),
                                      texts_in(*about, "options")});
        }
    }
    if (const auto* filters = object_in(*object, "collectionFilters"))
        for (const auto& [name, value] : *filters)
            if (const auto* about = value.if_object()) schema.filters_[name] = texts_in(*about, "modifiers");
    schema.base_ = text_in(*object, "parent");
    if (const auto* actions = object_in(*object, "resourceActions")) {
        for (const auto& [name, value] : *actions) {
            const auto* about = value.if_object();
            schema.actions_[name] = about ? text_in(*about, "input") : "";
            // A child's processes are its parent's, and what only the parent declares answers with the parent.
            const auto output = about ? text_in(*about, "output") : std::string();
            if (schema.base_.empty() && output != schema.id_) schema.base_ = output;
        }
    }
    if (schema.base_.empty()) schema.base_ = schema.id_;
    schema.links_ = texts_in(*object, "includeableLinks");
    const auto methods = texts_in(*object, "collectionMethods");
    schema.can_list_ = holds(methods, "GET");
    schema.can_create_ = holds(methods, "POST");
    return schema;
}

std::string Schema::path(std::string_view resource) const {
    auto path = "/" + plural_;
    if (resource.empty()) return path;
    path += '/';
    for (const char c : resource) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view("-._~!").find(c) != std::string_view::npos;
        constexpr char kHex[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (plain) path += c;
        else (path += '%') += {kHex[byte >> 4], kHex[byte & 0xf]};
    }
    return path;
}

const Field* Schema::field(std::string_view name) const {
    const auto found =
        std::find_if(fields_.begin(), fields_.end(), [&](const Field& one) { return lower(one.name) == lower(name); });
    return found == fields_.end() ? nullptr : &*found;
}

std::vector<std::string> Schema::field_names() const {
    std::vector<std::string> names;
    for (const auto& field : fields_) names.push_back(field.name);
    return names;
}

Result<Schemas> Schemas::parse(const json::value& collection) {
    const auto* object = collection.if_object();
    const auto* data = object ? object->if_contains("data") : nullptr;
    const auto* list = data ? data->if_array() : nullptr;
    if (!list) return Error(Errc::invalid, "the API's answer is not a list of schemas");
    Schemas schemas;
    for (const auto& document : *list) {
        auto schema = Schema::parse(document);
        if (!schema) return schema.error();
        schemas.all_.push_back(std::move(*schema));
    }
    // Names of types win over plurals, and both over words that people say for short.
    for (std::size_t i = 0; i < schemas.all_.size(); ++i) schemas.by_name_.emplace(lower(schemas.all_[i].id()), i);
    for (std::size_t i = 0; i < schemas.all_.size(); ++i) {
        schemas.by_name_.emplace(schemas.all_[i].plural(), i);
        schemas.by_name_.emplace(lower(plural_of(schemas.all_[i].id())), i);
    }
    for (const auto& [word, id] : {std::pair{"process", "processinstance"},
                                   {"processes", "processinstance"},
                                   {"vm", "virtualmachine"},
                                   {"vms", "virtualmachine"}})
        if (const auto found = schemas.by_name_.find(id); found != schemas.by_name_.end())
            schemas.by_name_.emplace(word, found->second);
    return schemas;
}

Result<const Schema*> Schemas::find(std::string_view name) const {
    const auto found = by_name_.find(lower(name));
    if (found != by_name_.end()) return &all_[found->second];
    std::vector<std::string> names;
    for (const auto& schema : all_) {
        names.push_back(schema.id());
        names.push_back(schema.plural());
    }
    auto near = nearest(name, names);
    if (near.empty()) near = nearest(lower(name), names);
    if (!near.empty())
        return Error(Errc::not_found, printable(name) + " is no type of this API", "Did you mean " + near + "?");
    std::string known;
    for (const auto& schema : all_)
        if (schema.can_list()) known += (known.empty() ? "" : ", ") + schema.id();
    return Error(Errc::not_found, printable(name) + " is no type of this API that you may see",
                 "Known are: " + known + ".");
}

}  // namespace drover::cli
