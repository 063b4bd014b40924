#include "drover/json.hpp"
#include "drover/model/model.hpp"
#include "drover/secrets.hpp"

namespace drover {

namespace json = boost::json;

namespace {

/// The store holds JSON as text, at most this deep when it came through the API.
constexpr std::size_t kDeepestData = 64;

/// Fields that never leave the server in an event.
bool is_secret(const ResourceType& type, std::string_view field) {
    return type.name == "credential" && (field == "secretValue" || field == kSecretOnceField);
}

json::value to_json_value(const Field& field, const Value& value) {
    if (value.is_null()) {
        if (field.name == "data") return json::object{};
        return nullptr;
    }
    if (field.type == FieldType::json) {
        auto parsed = parse_json(value.text(), kDeepestData);
        if (!parsed) return nullptr;
        return std::move(*parsed);
    }
    if (const auto* flag = value.if_boolean()) return *flag;
    if (const auto* number = value.if_integer()) return *number;
    if (const auto* real = value.if_real()) return *real;
    return json::value(json::string(value.text()));
}

}  // namespace

json::object to_event_object(const Record& record) {
    json::object object;
    object.reserve(record.type().fields.size() + 2);
    object["type"] = record.type().name;
    object["id"] = record.id();
    for (std::size_t i = 0; i < record.type().fields.size(); ++i) {
        const auto& field = record.type().fields[i];
        if (!is_secret(record.type(), field.name)) object[field.name] = to_json_value(field, record.values()[i]);
    }
    return object;
}

json::object data_of(const Record& record) {
    const auto text = record["data"].text();
    if (text.empty()) return {};
    auto parsed = parse_json(text, kDeepestData);
    if (!parsed || !parsed->is_object()) return {};
    return std::move(parsed->as_object());
}

json::value virtual_field(const Record& record, std::string_view name) {
    const auto data = data_of(record);
    const auto* fields = data.if_contains("fields");
    if (!fields || !fields->is_object()) return nullptr;
    const auto* value = fields->as_object().if_contains(name);
    return value ? *value : json::value(nullptr);
}

void merge_object(json::object& target, const json::object& changes) {
    for (const auto& [key, value] : changes) {
        if (!key.starts_with('+') || !value.is_object()) {
            target[key] = value;
            continue;
        }
        const auto name = key.substr(1);
        auto* there = target.if_contains(name);
        if (!there) there = &(target[name] = json::object{});
        // What is there and no object cannot be merged into, and is left as it is.
        if (there->is_object()) merge_object(there->as_object(), value.as_object());
    }
}

}  // namespace drover
