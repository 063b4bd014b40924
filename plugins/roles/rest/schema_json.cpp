// The schema resource, written once for each kind of account.
#include <boost/json/serialize.hpp>

#include "json_text.hpp"
#include "schema_sets.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

json::array methods(std::initializer_list<std::pair<const char*, bool>> list) {
    json::array names;
    for (const auto& [name, allowed] : list)
        if (allowed) names.emplace_back(name);
    return names;
}

json::value number(const std::optional<std::int64_t>& value) {
    return value ? json::value(*value) : json::value(nullptr);
}
json::value text(const std::string& value) { return value.empty() ? json::value(nullptr) : json::value(value); }

json::object field_json(const FieldSchema& field) {
    json::value options;
    if (!field.options.empty()) {
        auto& list = options.emplace_array();
        for (const auto& option : field.options) list.emplace_back(option);
    }
    return {{"type", field.type.name},
            {"default", field.fallback},
            {"nullable", field.nullable},
            {"create", field.create},
            {"update", field.update},
            {"required", field.required},
            {"unique", field.unique},
            {"min", number(field.min)},
            {"max", number(field.max)},
            {"minLength", number(field.min_length)},
            {"maxLength", number(field.max_length)},
            {"options", std::move(options)},
            {"validChars", text(field.valid_chars)},
            {"invalidChars", text(field.invalid_chars)},
            {"description", text(field.about)}};
}

}  // namespace

std::string schema_tail(const TypeSchema& type) {
    json::object fields, filters, actions;
    json::array includeable;
    for (const auto& field : type.fields) {
        fields[field.name] = field_json(field);
        if (field.modifiers.empty()) continue;
        json::array modifiers;
        for (const auto& modifier : field.modifiers) modifiers.emplace_back(modifier);
        filters[field.name] = json::object{{"modifiers", std::move(modifiers)}};
    }
    for (const auto& action : type.actions)
        actions[action.name] = json::object{{"input", text(action.input)}, {"output", text(action.output)}};
    for (const auto& link : type.links) includeable.emplace_back(link.path);
    const json::object tail{
        {"actions", json::object{}},
        {"resourceMethods", methods({{"GET", type.get}, {"PUT", type.update}, {"DELETE", type.remove}})},
        {"collectionMethods", methods({{"GET", type.list}, {"POST", type.create}})},
        {"resourceFields", std::move(fields)},
        {"resourceActions", std::move(actions)},
        {"collectionActions", json::object{}},
        {"collectionFields", json::object{}},
        {"collectionFilters", std::move(filters)},
        {"includeableLinks", std::move(includeable)}};
    return json::serialize(tail);
}

}  // namespace drover::rest
