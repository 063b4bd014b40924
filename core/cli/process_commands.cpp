#include <boost/json.hpp>

#include <chrono>
#include <iostream>

#include "cli/client_commands.hpp"
#include "cli/process_text.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

Result<const Schema*> process_schema(const Schemas& schemas) {
    auto schema = schemas.find("processInstance");
    if (!schema)
        return with_exit(
            Error(Errc::denied, "the account of these keys does not see processes", "An administrator's does."),
            kFailed);
    return schema;
}

/// TYPE/ID. Errors: invalid.
struct Reference {
    const Schema* schema;
    std::string id;
};
Result<Reference> parse_reference(const Schemas& schemas, const std::string& text) {
    const auto slash = text.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == text.size())
        return Error(Errc::invalid, "\"" + printable(text) + "\" is not TYPE/ID", "Such as instance/1i5.");
    auto schema = schemas.find(text.substr(0, slash));
    if (!schema) return with_exit(schema.error(), kWrongUsage);
    return Reference{*schema, text.substr(slash + 1)};
}

/// What --name and --resource ask for.
Result<Query> process_query(const Schemas& schemas, const ProcessCommand& command) {
    Query query;
    if (!command.name.empty()) query.emplace_back("processName", lower(command.name));
    if (!command.resource.empty()) {
        const auto reference = parse_reference(schemas, command.resource);
        if (!reference) return reference.error();
        query.emplace_back("resourceType", reference->schema->base());
        query.emplace_back("resourceId", raw_id(reference->id));
    }
    return query;
}

std::string at(const json::value& process, const char* name) {
    const auto* object = process.if_object();
    const auto* value = object ? object->if_contains(name) : nullptr;
    const auto moment = value ? milliseconds_of(*value) : std::nullopt;
    return moment ? moment_text(*moment) : std::string();
}

Result<int> list(const ProcessCommand& command) {
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = process_schema(session->schemas);
    if (!schema) return schema.error();
    auto query = process_query(session->schemas, command);
    if (!query) return query.error();
    if (command.pending) query->emplace_back("!endTime_null", "");
    // What is pending is best read from the oldest on, what has been from the newest.
    if ((*schema)->filters().contains("id")) query->emplace_back("sort", "id");
    query->emplace_back("order", command.pending ? "asc" : "desc");
    auto collection = fetch_list(session->client, **schema, std::move(*query), {}, command.limit, command.limit == 0);
    if (!collection) return collection.error();
    if (command.client.format != Format::table) {
        print_document(command.client.format, std::move(*collection));
        return kDone;
    }
    Table table({"id", "processName", "resource", "phase", "exitReason", "startTime", "endTime", "reason"});
    for (const auto& one : collection->at("data").as_array())
        table.add({text_of(one, "id"), text_of(one, "processName"), resource_of(one, &session->schemas),
                   text_of(one, "phase"), text_of(one, "exitReason"), at(one, "startTime"), at(one, "endTime"),
                   reason_text(one)});
    std::cout << table.text(widest_cell());
    return kDone;
}

Result<int> show(const ProcessCommand& command) {
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = process_schema(session->schemas);
    if (!schema) return schema.error();
    for (std::size_t i = 0; i < command.ids.size(); ++i) {
        const auto path = (*schema)->path(command.ids[i]);
        auto process = session->client.get(path);
        if (!process) return process.error();
        auto executions = session->client.get(path + "/processexecutions");
        if (!executions) return executions.error();
        const auto* data = executions->as_object().if_contains("data");
        auto history = data && data->is_array() ? data->as_array() : json::array();
        if (command.client.format == Format::table) {
            std::cout << (i ? "\n" : "") << describe_process(*process, history, &session->schemas);
            continue;
        }
        process->as_object()["processExecutions"] = std::move(history);
        if (i && command.client.format == Format::yaml) std::cout << "---\n";
        print_document(command.client.format, *process);
    }
    return kDone;
}

Result<std::vector<std::string>> parked_ids(Session& session, const Schema& schema, const ProcessCommand& command) {
    auto query = process_query(session.schemas, command);
    if (!query) return query.error();
    query->emplace_back("!endTime_null", "");
    if (schema.filters().contains("parked")) query->emplace_back("parked", "true");
    const auto pending = fetch_list(session.client, schema, std::move(*query), {}, 0, true);
    if (!pending) return pending.error();
    std::vector<std::string> ids;
    for (const auto& one : pending->at("data").as_array())
        if (is_parked(one)) ids.push_back(text_of(one, "id"));
    return ids;
}

Result<int> act(const ProcessCommand& command, const std::string& action) {
    if (command.ids.empty() == !command.all_parked)
        return Error(Errc::invalid, "drover process " + action + " takes ids, or --all-parked");
    if (!command.all_parked && (!command.name.empty() || !command.resource.empty()))
        return Error(Errc::invalid, "--name and --resource choose among all parked ones", "Add --all-parked.");
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = process_schema(session->schemas);
    if (!schema) return schema.error();
    auto ids = command.ids;
    if (command.all_parked) {
        auto parked = parked_ids(*session, **schema, command);
        if (!parked) return parked.error();
        ids = std::move(*parked);
    }
    int worst = kDone;
    std::size_t done = 0;
    json::array answers;
    for (const auto& id : ids) {
        auto answer = session->client.post((*schema)->path(id) + "?action=" + action, {});
        if (!answer) {
            // Between the list and the request another may have had the same idea.
            if (command.all_parked && answer.error().code() == Errc::conflict) continue;
            worst = report(answer.error().in(printable(id)));
            if (answer.error().code() == Errc::unavailable) break;
            continue;
        }
        ++done;
        answers.push_back(std::move(*answer));
    }
    if (command.client.format != Format::table) {
        print_resources(command.client.format, **schema, answers, {});
        return worst;
    }
    for (const auto& one : answers) {
        std::cout << printable(text_of(one, "id")) << ": " << printable(text_of(one, "processName")) << " of "
                  << resource_of(one, &session->schemas)
                  << (action == "retry" ? " is tried again\n" : " is given up\n");
    }
    if (command.all_parked) std::cout << done << (done == 1 ? " process" : " processes") << "\n";
    return worst;
}

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Result<int> explain_one(Session& session, const Schema& schema, const std::string& id, Format format) {
    auto answer = session.client.get(schema.path(id) + "/explain");
    if (!answer) return answer.error();
    if (format == Format::table) std::cout << describe_explanation(*answer, now(), &session.schemas);
    else print_document(format, *answer);
    return kDone;
}

Result<int> explain(const ExplainCommand& command) {
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto processes = process_schema(session->schemas);
    if (!processes) return processes.error();
    const auto reference = parse_reference(session->schemas, command.what);
    if (!reference) return reference.error();
    if (reference->schema == *processes)
        return explain_one(*session, **processes, reference->id, command.client.format);
    // Of another resource: what moves it now.
    auto resource = session->client.get(reference->schema->path(reference->id));
    if (!resource) return resource.error();
    ProcessCommand of_resource;
    of_resource.resource = command.what;
    auto query = process_query(session->schemas, of_resource);
    if (!query) return query.error();
    query->emplace_back("!endTime_null", "");
    const auto pending = fetch_list(session->client, **processes, std::move(*query), {}, 0, true);
    if (!pending) return pending.error();
    const auto& moving = pending->at("data").as_array();
    if (command.client.format == Format::table && moving.empty()) {
        const auto state = text_of(*resource, "state");
        std::cout << "No process of " << reference->schema->id() << " " << printable(reference->id) << " is pending"
                  << (state.empty() ? "" : "; it is " + printable(state)) << ".\n";
    }
    for (const auto& one : moving) {
        auto said = explain_one(*session, **processes, text_of(one, "id"), command.client.format);
        if (!said) return said;
    }
    return kDone;
}

int ended(const Result<int>& status) { return status ? *status : report(status.error()); }

}  // namespace

int run_process_list(const ProcessCommand& command) { return ended(list(command)); }
int run_process_show(const ProcessCommand& command) { return ended(show(command)); }
int run_process_action(const ProcessCommand& command, const std::string& action) { return ended(act(command, action)); }
int run_explain(const ExplainCommand& command) { return ended(explain(command)); }

}  // namespace drover::cli
