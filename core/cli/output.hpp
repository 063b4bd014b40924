#pragma once

#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/schema.hpp"

namespace drover::cli {

/// How the program ends; `drover --help` lists them.
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;        ///< the API or the network said no
inline constexpr int kWrongUsage = 2;    ///< the command makes no sense
inline constexpr int kEndedInError = 3;  ///< what was waited for ended in an error
inline constexpr int kOutOfTime = 4;     ///< it has not ended in time

enum class Format : unsigned char { table, json, yaml };

/// What every command that talks to the API takes.
struct ClientOptions {
    ConnectionFlags connection;
    Format format = Format::table;
};

/// An error that makes the program end with this status.
Error with_exit(const Error& error, int status);
/// Prints an error and tells the status of the program.
int report(const Error& error);

/// Documents in JSON or YAML.
void print_document(Format format, const boost::json::value& document);
/// Resources in the wanted format: a table of all, or one document after the other.
void print_resources(Format format, const Schema& schema, const boost::json::array& resources,
                     const std::vector<std::string>& columns);
/// How wide a cell may be on standard output: unlimited where a program reads it.
std::size_t widest_cell();
/// Resolves --url and the like, fetches the schemas and keeps their names for completion.
struct Session {
    Client client;
    Schemas schemas;
};
Result<Session> open_session(const ClientOptions& options);

/// Text of a member; empty when there is none or it is no text.
std::string text_of(const boost::json::value& resource, std::string_view member);

}  // namespace drover::cli
