#include "types.hpp"

namespace drover::engine {
namespace {

constexpr std::size_t kLongest = 65'535;

ResourceType process_instance() {
    ResourceType type;
    type.name = "processInstance";
    type.summary = "A durable change of state of one resource: asked for, under way, or ended.";
    type.fields = {
        text_field("processName", 128).required(),
        text_field("resourceType", 64).required(),
        integer_field("resourceId").required(),
        date_field("startTime"),
        date_field("endTime").about("When it ended; none while it is pending."),
        json_field("data"),
        integer_field("priority").not_null(0),
        text_field("result", 32),
        text_field("exitReason", 64),
        text_field("phase", 64),
        text_field("startProcessServerId", 128),
        text_field("runningProcessServerId", 128),
        integer_field("epoch").not_null(0).about("Raised by every claim; who writes must know the newest."),
        integer_field("slot").not_null(0).about("Which share of the pending processes it belongs to."),
        integer_field("attempts").not_null(0).about("How often its logic failed since it was begun or retried."),
        integer_field("waits").not_null(0).about("How often it waited for something that was away or busy."),
        date_field("nextRunTime").about("When it is tried again; none when it waits for nothing but its turn."),
        boolean_field("parked").not_null(false).about("It failed too often and waits for an operator."),
        text_field("reason", 1024).about("Why it did not end yet, or how it ended."),
        // The two make the order of claims: `queue` is the slot while the process waits for its turn and null
        // otherwise, `rank` the negative priority, so that one index walked forwards gives priority, then age.
        integer_field("queue"),
        integer_field("rank").not_null(0),
    };
    type.fields[5].longest = kLongest;
    type.indexes = {{{"queue", "rank"}, false},
                    {{"runningProcessServerId"}, false},
                    {{"nextRunTime"}, false},
                    {{"endTime"}, false},
                    {{"resourceType", "resourceId"}, false}};
    return type;
}

ResourceType process_execution() {
    ResourceType type;
    type.name = "processExecution";
    type.summary = "One attempt at a process: what ran, when, and what it changed.";
    type.fields = {
        text_field("uuid", 128),
        reference_field("processInstanceId", "processInstance"),
        json_field("log"),
        date_field("created").with_index(),
    };
    type.fields[2].longest = kLongest;
    return type;
}

ResourceType plain(std::string name, std::string summary, std::vector<Field> more = {}) {
    ResourceType type;
    type.name = std::move(name);
    type.summary = std::move(summary);
    type.fields = standard_fields(std::move(more));
    return type;
}

ResourceType task() {
    ResourceType type;
    type.name = "task";
    type.summary = "Something the servers do on a schedule.";
    type.fields = {text_field("name").is_unique()};
    return type;
}

ResourceType task_instance() {
    ResourceType type;
    type.name = "taskInstance";
    type.summary = "One run of a task.";
    type.fields = {text_field("name"),    reference_field("taskId", "task"), date_field("startTime").with_index(),
                   date_field("endTime"), text_field("exception", 255),      text_field("serverId", 128)};
    return type;
}

ResourceType setting() {
    ResourceType type;
    type.name = "setting";
    type.summary = "A configuration value that all servers share.";
    type.fields = {text_field("name").required().is_unique(), text_field("value", 1024)};
    return type;
}

const AccessByKind kReadOnly{{"admin", "r"}, {"superadmin", "r"}};
const AccessByKind kAdminAll{{"admin", "crud"}, {"superadmin", "crud"}};
const AccessByKind kAdminChange{{"admin", "cru"}, {"superadmin", "cru"}};
const AccessByKind kAdminCreate{{"admin", "cr"}, {"superadmin", "cr"}};
const AccessByKind kNobody{{"admin", ""}, {"superadmin", ""}};

ApiField field(std::string name, AccessByKind access, std::string type = {}) {
    ApiField made;
    made.name = std::move(name);
    made.access = std::move(access);
    made.type = std::move(type);
    return made;
}

ApiType read_only(const ResourceType& resource) {
    ApiType type;
    type.name = resource.name;
    type.access = kReadOnly;
    type.about = resource.summary;
    for (const auto& stored : resource.fields) type.fields.push_back(field(stored.name, kReadOnly));
    return type;
}

ApiType process_instance_api() {
    auto type = read_only(process_instance());
    for (auto& shown : type.fields) {
        if (shown.name == "resourceId") shown.type = "string";
        if (shown.name == "queue" || shown.name == "rank") shown.access = kNobody;
    }
    type.actions = {{"retry", {}, {}}, {"cancel", {}, {}}};
    return type;
}

ApiType external_handler_api() {
    ApiType type;
    type.name = "externalHandler";
    type.access = kAdminAll;
    type.about = "Process logic outside of Drover: it subscribes to an event and answers.";
    auto priority_name = field("priorityName", kAdminChange, "enum");
    priority_name.options = {"pre", "specific", "default", "default_override"};
    priority_name.fallback = "specific";
    auto names = field("processNames", kAdminCreate, "array[string]");
    names.required = true;
    names.shown = false;
    names.about = "Processes it takes part in, as instance.start, pre.instance.start or post.instance.start.";
    auto retries = field("retries", kAdminChange, "int");
    retries.min = 1;
    retries.nullable = true;
    auto timeout = field("timeoutMillis", kAdminChange, "int");
    timeout.min = 1'000;
    timeout.nullable = true;
    type.fields = {field("priority", kAdminChange), priority_name, names, retries, timeout};
    return type;
}

ApiType admin_all(std::string name) {
    ApiType type;
    type.name = std::move(name);
    type.access = kAdminAll;
    return type;
}

}  // namespace

std::vector<ResourceType> resource_types() {
    return {
        process_instance(),
        process_execution(),
        plain("externalHandler", "Process logic outside of Drover.", {integer_field("priority")}),
        plain("externalHandlerProcess", "A process, as external handlers name it."),
        plain("externalHandlerExternalHandlerProcessMap", "Which external handler takes part in which process.",
              {reference_field("externalHandlerId", "externalHandler"),
               reference_field("externalHandlerProcessId", "externalHandlerProcess")}),
        task(),
        task_instance(),
        setting(),
    };
}

std::vector<ApiType> api_types() {
    ApiType tasks = read_only(task());
    tasks.actions = {{"execute", {}, {}}};
    ApiType task_runs = read_only(task_instance());
    task_runs.access = {{"admin", "rd"}, {"superadmin", "rd"}};
    ApiType settings;
    settings.name = "setting";
    settings.access = kAdminAll;
    auto name = field("name", kAdminCreate);
    name.required = true;
    name.unique = true;
    settings.fields = {name, field("value", kAdminChange)};
    return {process_instance_api(),
            read_only(process_execution()),
            external_handler_api(),
            admin_all("externalHandlerProcess"),
            admin_all("externalHandlerExternalHandlerProcessMap"),
            tasks,
            task_runs,
            settings};
}

std::vector<ProcessDefinition> process_definitions() {
    std::vector<ProcessDefinition> all;
    for (const auto* type : {"externalHandler", "externalHandlerProcess", "externalHandlerExternalHandlerProcessMap"})
        for (auto& process : generic_processes(type)) all.push_back(std::move(process));
    return all;
}

}  // namespace drover::engine
