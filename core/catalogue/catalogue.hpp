#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "drover/host/library.hpp"

namespace drover::core {

/// What a plugin file says of itself, as data, without the library being loaded here.
struct PluginInfo {
    std::filesystem::path file;
    host::PluginNote note;
    std::string summary;
    std::vector<ProvidedService> provides;
    std::vector<NeededService> needs;
    std::vector<Option> options;
    std::vector<Role> roles;
    std::vector<std::string> resource_types;
    std::vector<std::string> api_types;
    std::vector<std::string> processes;
    std::vector<ProvidedService> extends;
    std::vector<CollectedInterface> collects;

    std::string short_name() const { return note.id.substr(note.id.rfind('.') + 1); }
    const ProvidedService* provides_service(std::string_view interface_id) const;
    const ProvidedService* extends_interface(std::string_view interface_id) const;
    /// "drover.redis 1.2.0 (build 3f2a91c0)"
    std::string title() const;
};

/// A file on the plugin path that is not a plugin we can use, and why.
struct RefusedPlugin {
    std::filesystem::path file;
    Error error;
};

/// All plugins found, loaded in this process or not.
struct Catalogue {
    std::vector<PluginInfo> plugins;  ///< by id, then file
    std::vector<RefusedPlugin> refused;
    std::vector<std::filesystem::path> folders;  ///< that were searched

    /// Of one id or short name; more than one when several builds were found.
    std::vector<const PluginInfo*> named(std::string_view id_or_short_name) const;
};

/// Asks a plugin file for its descriptor in a child process, so that a library that crashes or hangs harms
/// nobody. Errors: those of host::Library::load; internal (the child crashed or hung).
Result<PluginInfo> describe(const std::filesystem::path& file);

/// Searches `folders` for *.so files. Descriptors are remembered in `cache_file` by size, time and build
/// (empty: not at all), so that a start loads only what it uses; so are plugins that hang. A folder that is missing is
/// an error.
Result<Catalogue> find_plugins(const std::vector<std::filesystem::path>& folders,
                               const std::filesystem::path& cache_file);

/// Where Drover's own plugins are: ../lib/drover/plugins, seen from the running program.
std::filesystem::path own_plugin_folder();

/// JSON of one plugin, the same in the cache, in `plugin inspect --json` and between child and parent.
std::string to_json(const PluginInfo& plugin);
Result<PluginInfo> plugin_from_json(std::string_view json);

}  // namespace drover::core
