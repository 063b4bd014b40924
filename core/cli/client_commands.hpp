#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/output.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

/// `drover get TYPE [ID...] [FILTER...]`
struct GetCommand {
    ClientOptions client;
    std::string type;
    std::vector<std::string> words;
    std::vector<std::string> columns;
    std::vector<std::string> include;
    std::string sort;
    bool descending = false;
    std::size_t limit = 0;  ///< 0: one page, as long as the API likes
    bool all = false;
};

/// `drover create|update|delete|action TYPE ...`
struct WriteCommand {
    ClientOptions client;
    std::string type;
    std::string id;
    std::vector<std::string> ids;  ///< of delete
    std::string action;
    std::vector<std::string> words;
    std::string file;  ///< JSON to begin with; "-": standard input
    std::vector<std::string> columns;
    std::string wait;  ///< how long; empty: not at all
};

/// `drover wait TYPE ID`
struct WaitCommand {
    ClientOptions client;
    std::string type;
    std::string id;
    std::vector<std::string> conditions;
    std::string timeout;
};

/// `drover process list|show|retry|cancel`
struct ProcessCommand {
    ClientOptions client;
    std::vector<std::string> ids;
    std::string resource;  ///< TYPE/ID
    std::string name;
    bool pending = false;
    bool all_parked = false;
    std::size_t limit = 100;
};

/// `drover explain process/ID`
struct ExplainCommand {
    ClientOptions client;
    std::string what;
};

/// Each returns the exit status of the program, having said on standard error why when it is not 0.
int run_get(const GetCommand& command);
int run_create(const WriteCommand& command);
int run_update(const WriteCommand& command);
int run_delete(const WriteCommand& command);
int run_action(const WriteCommand& command);
int run_wait(const WaitCommand& command);
int run_process_list(const ProcessCommand& command);
int run_process_show(const ProcessCommand& command);
/// `action` is retry or cancel.
int run_process_action(const ProcessCommand& command, const std::string& action);
int run_explain(const ExplainCommand& command);

/// Adds all of them to the program; `status` gets what the one that runs returns.
void add_client_commands(CLI::App& app, int& status);

/// A bare --wait would take the word behind it for its time: gives it one.
std::vector<std::string> with_explicit_wait(std::vector<std::string> arguments);

/// All pages of a list, or its first `limit` resources, as one collection; one page when neither is asked for.
/// A resource that several pages hold, since pages count joined rows, is one in it.
Result<boost::json::object> fetch_list(Client& client, const Schema& schema, Query query,
                                       const std::vector<std::string>& include, std::size_t limit, bool all);
/// Adds the resources of `page` to `data`, joining the included lists of those that are there already.
void merge_page(boost::json::array& data, boost::json::array&& page, const std::vector<std::string>& include);
/// The value of `marker` in an URL; empty when there is none.
std::string marker_of(std::string_view url);

}  // namespace drover::cli
