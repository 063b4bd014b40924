#pragma once

#include <string>
#include <utility>
#include <vector>

#include "types/types.hpp"

/// Words in which the declarations are written.
namespace drover::cloud {

/// A field with what a create without it stores, which may be null later.
inline Field otherwise(Field field, Value value) {
    field.fallback = std::move(value);
    return field;
}

inline Field account_id() { return reference_field("accountId", "account").with_index(); }
inline Field zone_id() { return otherwise(reference_field("zoneId", "zone"), 1); }

/// Who may do what: to a type, or to a field of it. What is left out may nobody but an administrator.
inline AccessByKind access(std::string admin, std::string user = "") {
    return {{"admin", std::move(admin)}, {"user", std::move(user)}, {"agent", ""}, {"agentRegister", ""}};
}

inline ApiField column(std::string name, std::string admin, std::string user = "") {
    ApiField field;
    field.name = std::move(name);
    field.access = access(std::move(admin), std::move(user));
    return field;
}

inline ApiField virtual_column(std::string name, std::string type, std::string admin, std::string user = "") {
    auto field = column(std::move(name), std::move(admin), std::move(user));
    field.type = std::move(type);
    return field;
}

/// A column that no account sees.
inline ApiField hidden(std::string name) {
    auto field = column(std::move(name), "");
    field.access.emplace("readAdmin", "");
    field.shown = false;
    return field;
}

inline ApiField about(ApiField field, std::string sentence) {
    field.about = std::move(sentence);
    return field;
}

inline ApiField at_least(ApiField field, std::int64_t least) {
    field.min = least;
    return field;
}

inline ApiField with_fallback(ApiField field, boost::json::value value) {
    field.fallback = std::move(value);
    return field;
}

inline ApiType api_type(std::string name, AccessByKind who, std::vector<ApiField> fields, std::string sentence) {
    ApiType type;
    type.name = std::move(name);
    type.access = std::move(who);
    type.fields = std::move(fields);
    type.about = std::move(sentence);
    return type;
}

inline ResourceType resource(std::string name, std::vector<Field> fields, std::string summary) {
    ResourceType type;
    type.name = std::move(name);
    type.fields = std::move(fields);
    type.summary = std::move(summary);
    return type;
}

/// Puts `process` in the place of the one of that name.
void replace(std::vector<ProcessDefinition>& processes, ProcessDefinition process);
/// A process of one change.
ProcessDefinition process(std::string type, std::string action, StateChange change, std::string delegate = {});
/// allocate and deallocate, which change `allocationState`.
std::vector<ProcessDefinition> allocation_processes(const std::string& type);

}  // namespace drover::cloud
