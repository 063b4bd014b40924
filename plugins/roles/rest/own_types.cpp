// Types without a table that the API answers by itself, or that pub-sub answers.
#include "schema_sets.hpp"

namespace drover::rest {
namespace {

const AccessByKind kReadByAdmin{{"admin", "r"}, {"superadmin", "r"}, {"base", "r"}};
const AccessByKind kReadByAll{{"admin", "r"}, {"superadmin", "r"}, {"base", "r"},
                              {"user", "r"},  {"agent", "r"},      {"agentRegister", "r"}};

ApiField field(std::string name, std::string type, AccessByKind access, std::string about = {}) {
    ApiField one;
    one.name = std::move(name);
    one.type = std::move(type);
    one.access = std::move(access);
    one.about = std::move(about);
    return one;
}

std::vector<ApiField> readable(std::initializer_list<std::pair<const char*, const char*>> list,
                               const AccessByKind& access) {
    std::vector<ApiField> fields;
    for (const auto& [name, type] : list) fields.push_back(field(name, type, access));
    return fields;
}

ApiType type(std::string name, AccessByKind access, std::vector<ApiField> fields, std::string plural = {}) {
    ApiType one;
    one.name = std::move(name);
    one.access = std::move(access);
    one.fields = std::move(fields);
    one.plural = std::move(plural);
    return one;
}

ApiType publish() {
    const AccessByKind create{{"admin", "cr"}, {"superadmin", "cr"}, {"base", "cr"}, {"agent", "cr"}};
    const AccessByKind only{{"admin", "c"}, {"superadmin", "c"}, {"base", "c"}, {"agent", "c"}};
    auto fields = readable({{"name", "string"},
                            {"previousIds", "array[string]"},
                            {"publisher", "string"},
                            {"resourceId", "string"},
                            {"resourceType", "string"},
                            {"time", "int"},
                            {"data", "map[type]"},
                            {"transitioning", "string"},
                            {"transitioningInternalMessage", "string"},
                            {"transitioningMessage", "string"},
                            {"transitioningProgress", "int"}},
                           create);
    fields.front().required = true;
    return type("publish", only, std::move(fields), "publish");
}

ApiType subscribe() {
    const AccessByKind only{{"admin", "cr"}, {"superadmin", "cr"}, {"base", "cr"},
                            {"agent", "cr"}, {"user", "cr"},       {"readAdmin", "cr"}};
    auto fields = readable({{"eventNames", "array[string]"}, {"agentId", "reference[agent]"}}, only);
    fields.front().min_length = 1;
    fields.front().valid_chars = "*._0-9a-zA-Z;=";
    return type("subscribe", only, std::move(fields), "subscribe");
}

ApiType active_setting() {
    auto fields = readable(
        {{"name", "string"}, {"value", "string"}, {"activeValue", "string"}, {"source", "string"}, {"inDb", "boolean"}},
        kReadByAdmin);
    for (const auto* kind : {"admin", "superadmin", "base"}) {
        fields[0].access[kind] = "cr";
        fields[1].access[kind] = "cru";
    }
    return type("activeSetting", {{"admin", "rud"}, {"superadmin", "rud"}, {"base", "rud"}}, std::move(fields));
}

}  // namespace

const std::vector<ApiType>& own_types() {
    static const std::vector<ApiType> kTypes{
        type("schema", kReadByAll,
             readable({{"resourceMethods", "array[string]"},
                       {"collectionMethods", "array[string]"},
                       {"resourceFields", "map[type]"},
                       {"resourceActions", "map[type]"},
                       {"collectionActions", "map[type]"},
                       {"collectionFields", "map[type]"},
                       {"collectionFilters", "map[type]"},
                       {"includeableLinks", "array[string]"}},
                      kReadByAll)),
        type(
            "error", kReadByAll,
            readable({{"status", "int"}, {"code", "string"}, {"message", "string"}, {"detail", "string"}}, kReadByAll)),
        publish(),
        subscribe(),
        type("processDefinition", kReadByAdmin,
             readable({{"name", "string"},
                       {"resourceType", "string"},
                       {"extensionBased", "boolean"},
                       {"stateTransitions", "array[stateTransition]"},
                       {"preProcessListeners", "extensionPoint"},
                       {"processHandlers", "extensionPoint"},
                       {"postProcessListeners", "extensionPoint"}},
                      kReadByAdmin)),
        type("resourceDefinition", kReadByAdmin, readable({{"name", "string"}}, kReadByAdmin)),
        type("stateTransition", kReadByAdmin,
             readable({{"fromState", "string"}, {"toState", "string"}, {"field", "string"}, {"type", "string"}},
                      kReadByAdmin)),
        type("extensionPoint", kReadByAdmin,
             readable({{"name", "string"},
                       {"implementations", "array[extensionImplementation]"},
                       {"listSetting", "string"},
                       {"excludeSetting", "string"},
                       {"includeSetting", "string"}},
                      kReadByAdmin)),
        type("extensionImplementation", kReadByAdmin,
             readable({{"name", "string"}, {"className", "string"}, {"properties", "map[string]"}}, kReadByAdmin)),
        type("typeDocumentation", {{"admin", "r"}, {"superadmin", "r"}, {"base", "r"}, {"user", "r"}},
             readable({{"description", "string"}, {"resourceFields", "map[type]"}},
                      {{"admin", "r"}, {"superadmin", "r"}, {"base", "r"}, {"user", "r"}})),
        active_setting(),
        type("processExplanation", kReadByAdmin,
             readable({{"process", "string"}, {"phase", "string"}, {"attempts", "int"}, {"waitsFor", "map[type]"}},
                      kReadByAdmin)),
    };
    return kTypes;
}

}  // namespace drover::rest
