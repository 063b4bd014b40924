#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "drover/context.hpp"
#include "drover/log.hpp"

namespace drover::core {

/// What each command of the control socket does; the flag says whether JSON is wanted.
using ControlCommands = std::map<std::string, std::function<Result<std::string>(bool as_json)>>;

/// The running server's own door: `server.home/control.sock`, mode 0600, so that only its user may enter.
/// One command for each connection: a line "NAME" or "NAME --json"; the answer begins with "ok" or "error"
/// on a line of its own and ends with the connection.
class ControlSocket {
public:
    /// Serves on a thread of its own, for commands may block. Errors: invalid (the path is too long for a
    /// Unix socket), unavailable.
    static Result<std::unique_ptr<ControlSocket>> open(const std::filesystem::path& path, const Logger& log,
                                                       ControlCommands commands);
    /// Closes the door and removes it.
    virtual ~ControlSocket() = default;
};

/// The client's half: sends one command, returns what the server said.
/// Errors: not_found (no server runs in that home), what the server answered, timeout.
Result<std::string> ask_server(const std::filesystem::path& home, const std::string& command, bool as_json);

std::string status_text(const std::vector<PluginStatus>& all, bool as_json);

}  // namespace drover::core
