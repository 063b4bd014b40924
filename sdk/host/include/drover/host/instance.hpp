#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drover/host/library.hpp"

namespace drover::host {

/// One facade for one service or extension of one instance.
struct BoundService {
    ProvidedService declared;
    std::shared_ptr<Binding> binding;  // owners: this, and the facade
    std::shared_ptr<void> facade;      // owners: this, and the instances that use it
};

/// What an instance shares with all others of its process. Outlives them.
struct HostServices {
    Executor executor;
    Clock* clock = nullptr;
    Logger log;
    Metrics* metrics = nullptr;
    ServerInfo server;
    std::shared_ptr<const std::vector<ResourceType>> resource_types;  // owners of these: every holder of this struct
    std::shared_ptr<const std::vector<ApiType>> api_types{};          // none: empty
    std::shared_ptr<const std::vector<ProcessDefinition>> processes{};
    std::function<std::vector<KnownSetting>()> settings{};                     // none: nothing is known
    std::function<void(std::map<std::string, std::string>)> offer_settings{};  // none: dropped
    std::function<std::vector<PluginStatus>()> composition;
};

/// A plugin instance with its context, its lifecycle and its guard against hanging, throwing and leaking.
///
/// Verbs run one after the other on a thread that bears the instance's name. Thread-safety: `status`
/// from any thread; everything else from the thread that composes.
class Instance {
public:
    enum class Phase : unsigned char { created, starting, ready, draining, stopped, failed };

    Instance(std::string name, std::shared_ptr<const Library> library, HostServices services);
    /// Without `stop` before, or after one that hung, the plugin object is left behind, not destroyed.
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    const std::string& name() const;
    const Library& library() const;
    /// What it provides, then what it extends.
    const std::vector<BoundService>& services() const;
    PluginStatus status() const;
    Phase phase() const;

    /// Gives the facade under which a declared need is answered; before `create`.
    void connect(const NeededService& need, std::shared_ptr<void> facade);
    /// Gives one implementation of a collected interface; before `create`.
    void collect(const CollectedInterface& collected, std::string instance, std::shared_ptr<void> facade);

    using Done = std::function<void(Result<void>)>;
    /// Each begins a verb and returns; `done` is called once, from another thread: with the verb's result,
    /// or with `timeout` when it did not return in `at_most` (the phase is failed then).
    void create(Config config, std::chrono::milliseconds at_most, Done done);
    void start(std::chrono::milliseconds at_most, Done done);
    void drain(std::chrono::milliseconds at_most, Done done);
    /// Refuses calls from now on, waits for those in flight, stops, joins tasks, and names threads that
    /// were left behind (error `internal`).
    void stop(std::chrono::milliseconds at_most, Done done);
    void reconfigure(Config config, std::chrono::milliseconds at_most, Done done);

    /// Blocks the calling thread until the verb ended: `wait([&](auto done) { instance.start(5s, done); })`.
    static Result<void> wait(const std::function<void(Done)>& begin);

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: this, and verb threads that still run
};

std::string_view to_string(Instance::Phase phase);

}  // namespace drover::host
