#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "catalogue/catalogue.hpp"

namespace drover::core {

/// One key that somebody declared: the kernel, or a plugin that was found.
struct KnownKey {
    std::string key;
    Option option;
    std::string declared_by;  ///< "kernel", or "drover.redis as locks"
};

/// One value as it was given, and where.
struct GivenValue {
    std::string value;
    std::string source;  ///< "config/dev.properties:12", "-D", "environment DROVER_API_LISTEN"
};

/// A value in force.
struct Setting {
    KnownKey known;
    std::optional<std::string> value;  ///< none: optional and left out
    std::string source;                ///< "default" when nobody gave it
    /// The value, or a placeholder for a secret.
    std::string shown() const;
};

/// What `plugin.INSTANCE.use` and `.build` say, besides the plugin's own options.
inline constexpr std::string_view kUseKey = "use";
inline constexpr std::string_view kBuildKey = "build";

/// Keys of the kernel itself.
const std::vector<Option>& kernel_options();

/// Reads one .properties file (Java's format, through Poco Util). Keys are in the order of the file; a key
/// given twice is an error. Errors: not_found, invalid (naming the line).
Result<std::vector<std::pair<std::string, GivenValue>>> read_properties(const std::filesystem::path& file);
/// The same from memory; for the fuzzer and tests.
Result<std::vector<std::pair<std::string, GivenValue>>> parse_properties(const std::string& text,
                                                                         const std::string& name);

/// Everything that was given, layer over layer; first wins:
/// environment DROVER_*, -D, drover-local.properties, the file of --config, profiles/NAME.properties.
/// (Settings stored in the database come between the file and the profiles once a store runs.)
class GivenSettings {
public:
    struct Sources {
        std::vector<std::string> environment;  ///< as in environ: NAME=value
        std::vector<std::string> defines;      ///< of -D: key=value
        std::filesystem::path config_file;     ///< empty: none
    };
    static Sources from_process(const std::filesystem::path& config_file, std::vector<std::string> defines);

    /// Errors: all problems of all sources at once.
    static Result<GivenSettings> read(const Sources& sources);

    /// The value that wins for a key; environment names are matched with '.', '-' and '_' folded.
    std::optional<GivenValue> find(std::string_view key) const;
    /// Keys given in files and by -D, with who gave them first.
    const std::map<std::string, GivenValue>& named() const { return named_; }
    /// Environment variables beginning with DROVER_: folded name to (variable, value).
    const std::map<std::string, std::pair<std::string, std::string>>& environment() const { return environment_; }

private:
    std::map<std::string, GivenValue> named_;
    std::map<std::string, std::pair<std::string, std::string>> environment_;
};

/// "plugin.my-locks.session_ttl" and "PLUGIN_MY_LOCKS_SESSION_TTL" are the same.
std::string fold_key(std::string_view key);

/// The instances that the configuration names, or that bear a found plugin's own name.
struct NamedInstance {
    std::string name;
    std::string use;     ///< id or short name of the plugin
    std::string build;   ///< version or begin of a build id; empty: the only one
    std::string source;  ///< who said `use`; empty for an instance under the plugin's own name
};

/// All that is given, checked against all that is known.
class Settings {
public:
    /// Errors: invalid: unknown keys with the nearest known, wrong values, everything at once, one a line.
    static Result<Settings> make(GivenSettings given, const Catalogue& catalogue);

    /// Every known key with its value, in order of key.
    const std::map<std::string, Setting>& all() const { return settings_; }
    /// The text in force; empty when left out. The key must be known.
    std::string text(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;
    std::chrono::milliseconds duration(std::string_view key) const;
    const std::vector<NamedInstance>& instances() const { return instances_; }
    /// The options of one instance of a plugin, checked. Errors: invalid, each with its key and source.
    Result<Config> config_of(const std::string& instance, const PluginInfo& plugin) const;
    /// Values of an instance's options as text, for the difference between two configurations.
    std::map<std::string, std::string> values_of(const std::string& instance, const PluginInfo& plugin) const;

private:
    std::map<std::string, Setting> settings_;
    std::vector<NamedInstance> instances_;
};

/// The key under which an option of an instance stands.
std::string key_of(const std::string& instance, const Option& option);

}  // namespace drover::core
