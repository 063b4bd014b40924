#include "cli/output.hpp"

#include <unistd.h>

#include <boost/json.hpp>

#include <iostream>

#include "cli/columns.hpp"
#include "cli/completion.hpp"
#include "cli/json_text.hpp"
#include "cli/text.hpp"
#include "cli/yaml.hpp"

namespace drover::cli {

namespace json = boost::json;

Error with_exit(const Error& error, int status) { return error.with_detail("exit", std::to_string(status)); }

int report(const Error& error) {
    std::cout.flush();
    std::cerr << "drover: " << printable_lines(error.describe()) << "\n";
    const auto status = error.detail("exit");
    if (!status.empty()) return std::stoi(std::string(status));
    if (!error.detail("status").empty()) return kFailed;  // the API's word, whatever it is about
    switch (error.code()) {
        case Errc::invalid: return kWrongUsage;
        case Errc::timeout: return kOutOfTime;
        default: return kFailed;
    }
}

void print_document(Format format, const json::value& document) {
    std::cout << (format == Format::yaml ? to_yaml(document) : pretty_json(document));
}

std::size_t widest_cell() { return ::isatty(STDOUT_FILENO) ? 48 : 0; }

void print_resources(Format format, const Schema& schema, const json::array& resources,
                     const std::vector<std::string>& columns) {
    if (format == Format::table) {
        std::cout << resources_table(columns.empty() ? choose_columns(schema, resources) : columns, resources,
                                     widest_cell());
        return;
    }
    bool first = true;
    for (const auto& resource : resources) {
        if (!first && format == Format::yaml) std::cout << "---\n";
        first = false;
        print_document(format, resource);
    }
}

Result<Session> open_session(const ClientOptions& options) {
    auto connection = find_connection(options.connection);
    if (!connection) return connection.error();
    Client client(std::move(*connection));
    const auto answer = client.get("/schemas");
    if (!answer) return answer.error();
    auto schemas = Schemas::parse(*answer);
    if (!schemas)
        return schemas.error()
            .with_code(Errc::internal)
            .with_hint("Is " + client.connection().url() + " the API of a Drover server?");
    remember_schemas(client.connection(), *answer);
    return Session{std::move(client), std::move(*schemas)};
}

std::string text_of(const json::value& resource, std::string_view member) {
    const auto* object = resource.if_object();
    const auto* value = object ? object->if_contains(member) : nullptr;
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string(*text) : std::string();
}

}  // namespace drover::cli
