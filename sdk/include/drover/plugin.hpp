#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/abi.hpp"
#include "drover/context.hpp"
#include "drover/facade.hpp"
#include "drover/model/declaration.hpp"
#include "drover/options.hpp"

/// The plugin contract: a library exports one function that returns a `Descriptor`. See DROVER_PLUGIN.
namespace [[gnu::visibility("default")]] drover {

/// What a backend can or cannot promise, by name: {"durable", "true"}. The interface's header says which
/// names it knows; conformance kits read them.
using Traits = std::map<std::string, std::string>;

/// A service interface that a plugin provides, as data.
struct ProvidedService {
    std::string id;    ///< Interface::kId, such as "drover.lock"
    int version = 0;   ///< Interface::kVersion
    std::string slot;  ///< Interface::kSlot: bound by the key `service.SLOT`
    Traits traits;
    std::shared_ptr<void> (*facade)(std::shared_ptr<Binding>) = nullptr;
};

template <class Interface>
ProvidedService service(Traits traits = {}) {
    return {std::string(Interface::kId), Interface::kVersion, std::string(Interface::kSlot), std::move(traits),
            [](std::shared_ptr<Binding> binding) -> std::shared_ptr<void> {
                return make_facade<Interface>(std::move(binding));
            }};
}

/// A service interface that a plugin uses.
struct NeededService {
    std::string id;
    int version = 0;
    std::string slot;
    bool optional = false;
    Traits traits;  ///< what the provider must promise
};

template <class Interface>
NeededService need(Traits traits = {}) {
    return {std::string(Interface::kId), Interface::kVersion, std::string(Interface::kSlot), false, std::move(traits)};
}
template <class Interface>
NeededService may_use() {
    return {std::string(Interface::kId), Interface::kVersion, std::string(Interface::kSlot), true, {}};
}

/// An interface of which a process has as many implementations as plugins that provide it, instead of one bound
/// to a slot: connectors, process logic. Its kSlot is empty.
template <class Interface>
ProvidedService extension(Traits traits = {}) {
    static_assert(Interface::kSlot.empty(), "an interface with a slot is a service");
    return service<Interface>(std::move(traits));
}

/// An extension interface whose every implementation an instance uses. It draws each plugin found that extends
/// it into the composition (`plugin.NAME.use = off` keeps one out), and starts after all of them.
struct CollectedInterface {
    std::string id;
    int version = 0;
};

template <class Interface>
CollectedInterface collect() {
    static_assert(Interface::kSlot.empty(), "an interface with a slot is needed, not collected");
    return {std::string(Interface::kId), Interface::kVersion};
}

/// A server role: `server.profile` names the roles that run in a process.
struct Role {
    std::string name;
    std::string summary;
    bool in_every_profile = false;
};

/// The object behind a provided service.
struct Offer {
    std::string id;
    void* object = nullptr;
};
template <class Interface>
Offer offer(Interface& object) {
    return {std::string(Interface::kId), &object};
}

/// One running instance of a plugin. Every verb runs on a thread of the kernel that bears the instance's
/// name, may block, and must return before its deadline; a verb that does not is named in the log, and the
/// instance counts as failed. Order: constructor, start, drain, stop, destructor. The destructor runs also
/// when start failed, and after every stop.
class Plugin {
public:
    virtual ~Plugin() = default;

    /// The objects behind what the descriptor provides and extends. Called once, before `start`. They live as long
    /// as the plugin; they are called between the end of `start` and the begin of `stop` only.
    virtual std::vector<Offer> offers() { return {}; }
    /// Connects, opens, listens. What it needs is ready.
    virtual Result<void> start(Deadline) { return ok; }
    /// Refuses new work, finishes the old.
    virtual Result<void> drain(Deadline) { return ok; }
    /// Gives everything back: afterwards no thread, timer or callback of the plugin is alive.
    virtual Result<void> stop(Deadline) { return ok; }
    /// Cheap, any thread, no I/O; between start and stop.
    virtual Health health() const { return Health::good(); }
    /// Live options changed; `config` holds all of them anew. Any other option is unchanged.
    virtual Result<void> reconfigure(const Config& config) {
        (void)config;
        return ok;
    }
};

/// What a plugin is, as data. The kernel checks, orders, prints and draws a composition from it before
/// any plugin runs.
struct Descriptor {
    std::string summary;  ///< one line, no full stop
    std::vector<ProvidedService> provides{};
    std::vector<NeededService> needs{};
    std::vector<Option> options{};
    std::vector<Role> roles{};
    std::vector<ResourceType> resource_types{};
    std::vector<ApiType> api_types{};            ///< how the API shows them, and who may do what
    std::vector<ProcessDefinition> processes{};  ///< that change their state
    std::vector<ProvidedService> extends{};      ///< made with `extension<Interface>()`
    std::vector<CollectedInterface> collects{};  ///< made with `collect<Interface>()`
    /// Reads options, keeps the context, does no I/O.
    std::function<Result<std::unique_ptr<Plugin>>(const Config&, Context&)> create;
};

namespace abi {

template <std::size_t N, std::size_t M>
constexpr void copy_text(char (&to)[N], const char (&from)[M]) {
    static_assert(M <= N, "too long for the plugin note");
    for (std::size_t i = 0; i < M; ++i) to[i] = from[i];
}

template <std::size_t I, std::size_t V>
constexpr Note make_note(const char (&id)[I], const char (&version)[V]) {
    Note note{};
    note.name_size = 7;
    note.body_size = sizeof(NoteBody);
    note.type = kNoteType;
    copy_text(note.name, "DROVER");
    for (std::size_t i = 0; i < sizeof kMagic; ++i) note.body.magic[i] = kMagic[i];
    note.body.note_version = kNoteVersion;
    note.body.abi_major = DROVER_ABI_MAJOR;
    note.body.abi_minor = DROVER_ABI_MINOR;
    copy_text(note.body.id, id);
    copy_text(note.body.version, version);
    copy_text(note.body.toolchain, DROVER_TOOLCHAIN);
    return note;
}

}  // namespace abi
}  // namespace drover

/// Makes a library a plugin: DROVER_PLUGIN("com.example.locks", "1.0.0", { .summary = ..., .create = ... })
/// `id` is lower-case words joined by dots, the last one is the instance's default name.
#define DROVER_PLUGIN(plugin_id, plugin_version, ...)                                          \
    extern "C" {                                                                               \
    extern const ::drover::abi::Note drover_plugin_note;                                       \
    __attribute__((section(".note.drover"), used,                                              \
                   aligned(4))) constinit const ::drover::abi::Note drover_plugin_note =       \
        ::drover::abi::make_note(plugin_id, plugin_version);                                   \
    __attribute__((visibility("default"))) const ::drover::Descriptor* drover_plugin_entry() { \
        static const ::drover::Descriptor descriptor __VA_ARGS__;                              \
        return &descriptor;                                                                    \
    }                                                                                          \
    }                                                                                          \
    static_assert(true, "a semicolon follows")
