#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "composition/composition.hpp"

namespace drover::core {

/// Everything read and decided, nothing running: what `check`, `plan` and `server` have in common.
struct Prepared {
    Catalogue catalogue;
    Settings settings;
    Composition composition;  // points into the catalogue
};

/// Reads all sources, finds plugins, checks, composes. Errors: what keeps sources or plugins from being read;
/// otherwise invalid, with all problems of settings and composition at once.
Result<std::unique_ptr<Prepared>> prepare(const GivenSettings::Sources& sources);
/// The first half of it: settings and plugins without a composition.
Result<std::pair<Catalogue, Settings>> prepare_settings(const GivenSettings::Sources& sources);

/// A server from its composition to its end.
///
/// Thread-safety: `request_stop`, `status`, `reload` from any thread.
class Server {
public:
    Server(GivenSettings::Sources sources, std::unique_ptr<Prepared> prepared);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Starts everything, serves until `request_stop`, stops everything.
    /// Errors: why it could not start; it has stopped what it started then. A stop that was not orderly is
    /// an error too.
    Result<void> run();

    /// Drain and stop; after a second call no further plugin is drained.
    void request_stop(std::string why);
    /// Reads the configuration again and applies the live options that changed; the answer says which, and
    /// which need a restart. Errors: what is wrong with the configuration (nothing was applied then).
    Result<std::string> reload();
    std::vector<PluginStatus> status() const;
    /// True when a verb hangs still: leave with _exit, for destructors would wait for it.
    bool left_something_behind() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace drover::core
