#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/plugin.hpp"

/// How a backend joins a conformance kit: derive from Backend (or use PluginBackend), name the kit, done.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

/// Options of a plugin instance, as they would stand in a configuration file.
using Options = std::map<std::string, std::string>;

/// One plugin under test, run through its loaded library as the kernel runs it. Each case gets a new one:
/// its world is empty. `open` makes one instance for each owner, as if each were a server of its own; all
/// of them share the backend's world.
class Backend {
public:
    virtual ~Backend();

    /// The plugin library. A plain name is looked for beside Drover's own plugins.
    virtual std::string library() const = 0;
    /// The options for an instance; those that make instances share one world, and keep worlds apart.
    virtual Options options(std::string_view owner) = 0;
    /// Stops and starts the server behind the backend, keeping its data; false when there is none.
    virtual bool restart_server() { return false; }
    /// Freezes and thaws the server behind the backend (SIGSTOP); false when there is none.
    virtual bool pause_server() { return false; }
    virtual bool resume_server() { return false; }
    /// Folder for this backend's files; removed with it.
    const std::string& folder();

    /// An instance that is ready, started anew when it was closed; fails the test when it does not start.
    template <class Interface>
    Interface& open(std::string_view owner) {
        return *static_cast<Interface*>(open_service(owner, Interface::kId));
    }
    /// Drains, stops and destroys an instance, as an orderly shutdown does.
    void close(std::string_view owner);
    /// Lets the owner's clock stand still: it renews nothing any more, as a process that was suspended.
    /// The clocks of the others go on.
    void suspend(std::string_view owner);
    void resume(std::string_view owner);
    /// What the library declares for an interface.
    Traits traits(std::string_view interface_id);

    Executor executor();
    /// The clock of an owner's instance, for deadlines.
    Clock& clock(std::string_view owner);

protected:
    Backend();

private:
    void* open_service(std::string_view owner, std::string_view interface_id);
    struct World;
    std::unique_ptr<World> world_;
};

}  // namespace conformance
}  // namespace drover
