#pragma once

#include <boost/json/value.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/connection.hpp"
#include "cli/schema.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

/// One way to go on with a command line.
struct Candidate {
    std::string word;
    std::string about;  ///< for shells that show it; may be empty
};

/// What may stand at the last of `words` (which may be empty): a command, an option, a type, a field, an action,
/// a value. `program` is the tree of commands; `schemas` is asked only where types matter, and may give null.
struct Completion {
    std::vector<Candidate> candidates;
    bool files = false;  ///< names of files fit here, too
};
Completion complete(const CLI::App& program, const std::vector<std::string>& words,
                    const std::function<const Schemas*()>& schemas);

/// `drover completion bash|zsh`: the script that a shell reads. Empty for another shell.
std::string completion_script(const std::string& shell);

/// Keeps the answer of GET /v1/schemas for completion, under ~/.cache/drover, readable to its owner only. What
/// cannot be kept is not.
void remember_schemas(const Connection& connection, const boost::json::value& answer);
/// What was kept, or the API's answer when nothing was for a day and it answers within a second.
std::optional<Schemas> schemas_for_completion();

/// Adds `drover completion`.
void add_completion_commands(CLI::App& app, int& status);

/// The command that a script asks with, which no help names: `drover __complete -- WORD...`. Prints a candidate a
/// line, what it is about behind a tab; ":files" when names of files fit.
inline constexpr const char* kCompleteCommand = "__complete";
int run_complete(const CLI::App& program, const std::vector<std::string>& words);

}  // namespace drover::cli
