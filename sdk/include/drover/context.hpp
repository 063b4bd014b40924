#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/blocking.hpp"
#include "drover/log.hpp"
#include "drover/metrics.hpp"
#include "drover/model/declaration.hpp"
#include "drover/store/resource_type.hpp"
#include "drover/task_group.hpp"

namespace [[gnu::visibility("default")]] drover {

struct Health {
    enum class State : unsigned char { ok, degraded, failed };
    State state = State::ok;
    std::string reason;  ///< empty when ok; else a sentence for the operator

    static Health good() { return {}; }
    static Health degraded(std::string why) { return {State::degraded, std::move(why)}; }
    static Health failed(std::string why) { return {State::failed, std::move(why)}; }
};

/// One line of the operator's view of the running composition.
struct PluginStatus {
    std::string instance;
    std::string id;
    std::string version;
    std::string phase;  ///< created, starting, ready, draining, stopped, failed
    Health health;      ///< of a ready plugin its own word; of any other, why it is not ready
    bool ready() const { return phase == "ready" && health.state == Health::State::ok; }
};

struct ServerInfo {
    std::string id;       ///< unique among the members of one deployment, and new with each start
    std::string name;     ///< what people call it; the host name by default
    std::string home;     ///< server.home, an existing folder
    std::string version;  ///< of Drover
    std::string profile;  ///< server.profile
};

/// One configuration key that somebody declared, with its value in force.
struct KnownSetting {
    std::string key;
    std::optional<std::string> value;     ///< none: optional and left out, or a secret
    std::optional<std::string> fallback;  ///< the declared default
    std::string source;                   ///< "default", "database", "environment DROVER_X", "-D", a file and its line
    bool is_live = false;
    bool is_secret = false;
};

/// One of the implementations of an extension interface.
template <class Interface>
struct Extension {
    std::string instance;
    Interface* object = nullptr;  ///< a facade, which lives as long as the context
};

/// All that a plugin instance gets from the kernel. It outlives the plugin.
///
/// Thread-safety: every method may be called from any thread.
class Context {
public:
    virtual ~Context() = default;

    virtual const std::string& instance() const = 0;
    virtual const ServerInfo& server() const = 0;
    virtual Executor executor() = 0;
    virtual Clock& clock() = 0;
    virtual const Logger& log() const = 0;
    virtual Metrics& metrics() = 0;
    /// The instance's own coroutines; the kernel cancels and joins them after `stop`.
    virtual TaskGroup& tasks() = 0;
    /// A pool whose threads bear the instance's name. Close it in `stop`.
    virtual std::unique_ptr<BlockingPool> make_blocking_pool(std::size_t threads, std::size_t queue) = 0;

    /// What all plugins of this composition declare.
    virtual const std::vector<ResourceType>& resource_types() const = 0;
    virtual const std::vector<ApiType>& api_types() const = 0;
    virtual const std::vector<ProcessDefinition>& processes() const = 0;
    /// Every known key of this composition, by key.
    virtual std::vector<KnownSetting> settings() const = 0;
    /// The settings that the store holds. The kernel puts them in their place among the sources, above the
    /// profiles and the defaults, and tells instances whose live options changed; keys that are unknown, not
    /// live, or hold a value that does not parse are ignored and named in the log. Returns at once: `settings`
    /// shows them a moment later, and then `reconfigure` is called.
    virtual void offer_settings(std::map<std::string, std::string> stored) = 0;
    virtual std::vector<PluginStatus> composition() const = 0;

    /// The facade of a service that the descriptor declared it needs; bound before `start`.
    /// Throws std::logic_error when it was not declared: a bug in the plugin.
    template <class Interface>
    Interface& get() {
        auto* found = find<Interface>();
        if (!found)
            throw std::logic_error(std::string(Interface::kId) + " is used by " + instance() +
                                   " but not declared in its needs, or optional and not served");
        return *found;
    }
    /// The same for an optional need; null when nothing serves it.
    template <class Interface>
    Interface* find() {
        return static_cast<Interface*>(find_service(Interface::kId));
    }

    /// All implementations of an interface that the descriptor collects, by instance name. They are ready, save
    /// this instance itself.
    template <class Interface>
    std::vector<Extension<Interface>> extensions() {
        std::vector<Extension<Interface>> all;
        for (auto& [name, object] : find_extensions(Interface::kId))
            all.push_back({name, static_cast<Interface*>(object)});
        return all;
    }

private:
    virtual void* find_service(std::string_view interface_id) = 0;
    virtual std::vector<std::pair<std::string, void*>> find_extensions(std::string_view interface_id) = 0;
};

}  // namespace drover
