#include <boost/json.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cli/client_commands.hpp"
#include "cli/columns.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "cli/waiting.hpp"
#include "drover/json.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

/// The link of that name as the API writes it. Errors: invalid.
Result<std::vector<std::string>> check_links(const Schema& schema, const std::vector<std::string>& wanted) {
    std::vector<std::string> links;
    for (const auto& one : wanted) {
        const auto found = std::find_if(schema.links().begin(), schema.links().end(),
                                        [&](const auto& link) { return lower(link) == lower(one); });
        if (found == schema.links().end() && !schema.links().empty()) {
            const auto near = nearest(one, schema.links());
            return Error(
                Errc::invalid, schema.id() + " has no link " + printable(one) + " to include",
                near.empty() ? "See: drover get schema " + schema.id() + " -o yaml" : "Did you mean " + near + "?");
        }
        links.push_back(found == schema.links().end() ? one : *found);
    }
    return links;
}

/// Included links as a row spells them: the API answers in camel case, whatever was asked.
std::vector<std::string> spelled_links(const std::vector<std::string>& links, const json::array& rows) {
    std::vector<std::string> spelled;
    for (const auto& link : links) {
        std::string name = link;
        for (const auto& row : rows)
            if (const auto* object = row.if_object())
                for (const auto& member : *object)
                    if (lower(member.key()) == lower(link)) name = std::string(member.key());
        spelled.push_back(name);
    }
    return spelled;
}

Result<std::vector<std::string>> wanted_columns(const Schema& schema, const std::vector<std::string>& wanted,
                                                const json::array& rows, const std::vector<std::string>& links) {
    auto columns = wanted.empty() ? Result<std::vector<std::string>>(choose_columns(schema, rows, links))
                                  : check_columns(schema, wanted, links);
    if (columns) add_secrets(*columns, schema, rows);
    return columns;
}

Result<json::array> get_by_ids(Client& client, const Schema& schema, const std::vector<std::string>& ids,
                               const std::vector<std::string>& links) {
    json::array resources;
    Query query;
    for (const auto& link : links) query.emplace_back("include", link);
    for (const auto& id : ids) {
        auto resource = client.get(schema.path(id) + query_text(query));
        if (!resource) {
            if (resource.error().detail("status") == "404")
                return resource.error().in(schema.id() + " " + printable(id) + " is not there, or not yours to see");
            return resource.error();
        }
        resources.push_back(std::move(*resource));
    }
    return resources;
}

Result<int> get(const GetCommand& command) {
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto found = session->schemas.find(command.type);
    if (!found) return with_exit(found.error(), kWrongUsage);
    const auto& schema = **found;
    auto links = check_links(schema, command.include);
    if (!links) return links.error();
    std::vector<std::string> ids;
    std::vector<std::string> filters;
    for (const auto& word : command.words) (is_filter(schema, word) ? filters : ids).push_back(word);

    if (!ids.empty()) {
        if (!filters.empty() || command.all || command.limit || !command.sort.empty())
            return Error(Errc::invalid, "resources named by id are neither filtered, sorted nor limited");
        const auto resources = get_by_ids(session->client, schema, ids, *links);
        if (!resources) return resources.error();
        const auto columns = wanted_columns(schema, command.columns, *resources, spelled_links(*links, *resources));
        if (!columns) return columns.error();
        print_resources(command.client.format, schema, *resources, *columns);
        return kDone;
    }

    auto query = filters_of(schema, filters);
    if (!query) return query.error();
    if (!command.sort.empty()) {
        // The API ignores in silence what it cannot sort by.
        std::vector<std::string> sortable;
        for (const auto& [name, modifiers] : schema.filters()) sortable.push_back(name);
        const auto by = std::find_if(sortable.begin(), sortable.end(),
                                     [&](const auto& name) { return lower(name) == lower(command.sort); });
        if (by == sortable.end()) {
            const auto near = nearest(command.sort, sortable);
            return Error(Errc::invalid, schema.plural() + " cannot be sorted by " + printable(command.sort),
                         near.empty() ? "" : "Did you mean " + near + "?");
        }
        query->emplace_back("sort", *by);
    }
    if (command.descending && command.sort.empty())
        return Error(Errc::invalid, "--desc needs a field to sort by", "Add --sort FIELD.");
    if (command.descending) query->emplace_back("order", "desc");
    auto collection = fetch_list(session->client, schema, std::move(*query), *links, command.limit, command.all);
    if (!collection) return collection.error();
    if (command.client.format != Format::table) {
        print_document(command.client.format, std::move(*collection));
        return kDone;
    }
    const auto& rows = collection->at("data").as_array();
    const auto columns = wanted_columns(schema, command.columns, rows, spelled_links(*links, rows));
    if (!columns) return columns.error();
    print_resources(Format::table, schema, rows, *columns);
    const auto* pagination = collection->if_contains("pagination");
    if (!command.all && !command.limit && pagination && !text_of(*pagination, "next").empty())
        std::cerr << "drover: there are more than these " << rows.size() << "; --all shows all of them\n";
    return kDone;
}

/// What --file holds; an empty object without one.
Result<json::object> start_of(const std::string& file) {
    if (file.empty()) return json::object();
    std::ostringstream text;
    const auto name = file == "-" ? std::string("standard input") : file;
    if (file == "-") {
        text << std::cin.rdbuf();
    } else {
        std::ifstream in(file, std::ios::binary);
        if (!in || !(text << in.rdbuf()))
            return with_exit(Error(Errc::not_found, file + " cannot be read"), kWrongUsage);
    }
    auto value = parse_json(text.str(), 100);
    if (!value) return value.error().in(name);
    if (!value->is_object()) return Error(Errc::invalid, name + ": expected one JSON object");
    return std::move(value->as_object());
}

/// Asks for as long as --wait says, and prints what became of the resource.
Result<int> finish(Session& session, const WriteCommand& command, const Schema& schema, json::array resources,
                   bool may_vanish) {
    std::optional<Error> failed;
    if (!command.wait.empty()) {
        const auto at_most = parse_duration(command.wait);
        if (!at_most) return at_most.error().in("--wait");
        const auto end = std::chrono::steady_clock::now() + *at_most;
        for (auto& resource : resources) {
            const auto id = text_of(resource, "id");
            if (id.empty()) continue;
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
            auto seen = wait_for(session.client, schema, id,
                                 Goal{{}, std::max(left, std::chrono::milliseconds(0)), may_vanish});
            if (!seen) {
                if (failed) report(*failed);
                failed = seen.error();
                seen = session.client.get(schema.path(id));
            }
            if (!seen || seen->is_null()) continue;
            keep_secrets(*seen, resource);
            resource = std::move(*seen);
        }
    }
    auto columns = wanted_columns(schema, command.columns, resources, {});
    if (!columns) return columns.error();
    print_resources(command.client.format, schema, resources, *columns);
    if (failed) return *failed;
    return kDone;
}

/// The type, after what would only show once something was changed: a wrong --wait, unknown --columns.
Result<const Schema*> checked_schema(const Session& session, const WriteCommand& command) {
    if (!command.wait.empty())
        if (const auto parsed = parse_duration(command.wait); !parsed) return parsed.error().in("--wait");
    auto schema = session.schemas.find(command.type);
    if (!schema) return with_exit(schema.error(), kWrongUsage);
    if (!command.columns.empty())
        if (const auto columns = check_columns(**schema, command.columns); !columns) return columns.error();
    return schema;
}

Result<int> create(const WriteCommand& command) {
    auto start = start_of(command.file);
    if (!start) return start.error();
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = checked_schema(*session, command);
    if (!schema) return schema.error();
    auto body = body_of(**schema, Purpose::create, std::move(*start), command.words);
    if (!body) return body.error();
    auto made = session->client.post((*schema)->path(), json::value(std::move(*body)));
    if (!made) return made.error();
    json::array resources;
    resources.push_back(std::move(*made));
    return finish(*session, command, **schema, std::move(resources), false);
}

Result<int> update(const WriteCommand& command) {
    auto start = start_of(command.file);
    if (!start) return start.error();
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = checked_schema(*session, command);
    if (!schema) return schema.error();
    auto body = body_of(**schema, Purpose::update, std::move(*start), command.words);
    if (!body) return body.error();
    if (body->empty()) return Error(Errc::invalid, "nothing is to be changed", "Give field=value.");
    auto changed = session->client.put((*schema)->path(command.id), json::value(std::move(*body)));
    if (!changed) return changed.error();
    json::array resources;
    resources.push_back(std::move(*changed));
    return finish(*session, command, **schema, std::move(resources), false);
}

Result<int> remove(const WriteCommand& command) {
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = checked_schema(*session, command);
    if (!schema) return schema.error();
    json::array resources;
    int worst = kDone;
    for (const auto& id : command.ids) {
        auto removed = session->client.remove((*schema)->path(id));
        if (removed) resources.push_back(std::move(*removed));
        else worst = report(removed.error());
    }
    if (resources.empty()) return worst;
    auto finished = finish(*session, command, **schema, std::move(resources), true);
    if (!finished) return finished;
    return worst != kDone ? worst : *finished;
}

Result<int> act(const WriteCommand& command) {
    auto start = start_of(command.file);
    if (!start) return start.error();
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = checked_schema(*session, command);
    if (!schema) return schema.error();
    const auto& actions = (*schema)->actions();
    const auto action = std::find_if(actions.begin(), actions.end(),
                                     [&](const auto& one) { return lower(one.first) == lower(command.action); });
    if (action == actions.end()) {
        std::vector<std::string> names;
        std::string list;
        for (const auto& [name, input] : actions) {
            names.push_back(name);
            list += (list.empty() ? "" : ", ") + name;
        }
        const auto near = nearest(command.action, names);
        return Error(Errc::invalid, (*schema)->id() + " has no action " + printable(command.action),
                     !near.empty()  ? "Did you mean " + near + "?"
                     : list.empty() ? "It has none."
                                    : "It has: " + list + ".");
    }
    const auto input = action->second.empty() ? Result<const Schema*>(nullptr) : session->schemas.find(action->second);
    auto body = input && *input ? body_of(**input, Purpose::create, std::move(*start), command.words)
                                : free_body_of(std::move(*start), command.words);
    if (!body) return body.error();
    const auto path = (*schema)->path(command.id) + query_text({{"action", action->first}});
    auto answer = session->client.post(path, body->empty() ? json::value() : json::value(std::move(*body)));
    if (!answer) return answer.error();
    json::array resources;
    resources.push_back(std::move(*answer));
    return finish(*session, command, **schema, std::move(resources), true);
}

Result<int> wait(const WaitCommand& command) {
    const auto at_most =
        command.timeout.empty() ? Result<std::chrono::milliseconds>(kUsualWait) : parse_duration(command.timeout);
    if (!at_most) return at_most.error().in("--timeout");
    auto session = open_session(command.client);
    if (!session) return session.error();
    const auto schema = session->schemas.find(command.type);
    if (!schema) return with_exit(schema.error(), kWrongUsage);
    auto conditions = parse_conditions(**schema, command.conditions);
    if (!conditions) return conditions.error();
    const auto resource =
        wait_for(session->client, **schema, command.id, Goal{std::move(*conditions), *at_most, false});
    if (!resource) return resource.error();
    json::array resources;
    if (!resource->is_null()) resources.push_back(*resource);
    print_resources(command.client.format, **schema, resources, {});
    return kDone;
}

int ended(const Result<int>& status) { return status ? *status : report(status.error()); }

}  // namespace

int run_get(const GetCommand& command) { return ended(get(command)); }
int run_create(const WriteCommand& command) { return ended(create(command)); }
int run_update(const WriteCommand& command) { return ended(update(command)); }
int run_delete(const WriteCommand& command) { return ended(remove(command)); }
int run_action(const WriteCommand& command) { return ended(act(command)); }
int run_wait(const WaitCommand& command) { return ended(wait(command)); }

}  // namespace drover::cli
