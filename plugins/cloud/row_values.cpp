// From what an agent reported to what the store holds.
#include <boost/json/serialize.hpp>

#include "logic/support.hpp"
#include "report.hpp"

namespace drover::cloud {
namespace {

/// The value of a column; none when it does not fit.
std::optional<Value> column_value(const Field& field, const json::value& value) {
    if (value.is_null()) return field.nullable ? std::optional<Value>(Value()) : std::nullopt;
    switch (field.type) {
        case FieldType::boolean:
            if (value.is_bool()) return Value(value.as_bool());
            return std::nullopt;
        case FieldType::integer:
        case FieldType::date:
        case FieldType::reference:
            if (value.is_int64()) return Value(static_cast<std::int64_t>(value.as_int64()));
            return std::nullopt;
        case FieldType::real:
            if (value.is_number()) return Value(value.to_number<double>());
            return std::nullopt;
        case FieldType::text:
            if (value.is_string() && value.as_string().size() <= field.longest)
                return Value(std::string(value.as_string()));
            return std::nullopt;
        case FieldType::json: break;
    }
    return std::nullopt;
}

}  // namespace

Assignments row_values(const ResourceType& type, const json::object& values, std::int64_t now) {
    Assignments all;
    json::object data;
    if (const auto* given = values.if_contains("data"); given && given->is_object()) data = given->as_object();
    json::object fields;
    if (const auto* given = data.if_contains("fields"); given && given->is_object()) fields = given->as_object();
    for (const auto& [key, value] : values) {
        if (key == "data") continue;
        const auto at = type.find(key);
        if (!at) {
            fields[key] = value;
            continue;
        }
        if (auto column = column_value(type.fields[*at], value)) all.emplace_back(std::string(key), std::move(*column));
    }
    if (!fields.empty()) data["fields"] = std::move(fields);
    if (type.find("created")) all.emplace_back("created", Value(now));
    if (const auto at = type.find("data")) {
        auto text = json::serialize(data);
        // A row whose extra facts are too long is made without them.
        if (text.size() <= type.fields[*at].longest) all.emplace_back("data", Value(std::move(text)));
    }
    return all;
}

}  // namespace drover::cloud
