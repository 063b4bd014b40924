#pragma once

#include <array>
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
    std::string source;    ///< "config/dev.properties:12", "-D", "environment DROVER_API_LISTEN"
    bool is_weak = false;  ///< of a profile: what the store holds comes before it
};

/// A value in force.
struct Setting {
    KnownKey known;
    std::optional<std::string> value;  ///< none: optional and left out
    std::string source;                ///< "default" when nobody gave it, "database" when the store holds it
    /// The value, or a placeholder for a secret.
    std::string shown() const;
};

/// What `plugin.INSTANCE.use` and `.build` say, besides the plugin's own options.
inline constexpr std::string_view kUseKey = "use";
inline constexpr std::string_view kUseOff = "off";
inline constexpr std::string_view kBuildKey = "build";

/// Environment variables of the client half of the program. They are no keys, so that a server starts in the shell
/// in which its user talks to another.
inline constexpr std::array<std::string_view, 3> kClientVariables{"DROVER_URL", "DROVER_ACCESS_KEY",
                                                                  "DROVER_SECRET_KEY"};

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
/// Settings that the store holds come between the file and the profiles once it runs: see Settings::with_stored.
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

/// An instance that the configuration keeps out of the composition: `plugin.NAME.use = off`.
using KeptOut = std::map<std::string, std::string>;  // name to who said so

struct CheckedSettings;

/// Settings that the store holds, by key.
using StoredSettings = std::map<std::string, std::string>;

/// A stored setting that has no effect. Never says the value of what may be a secret.
struct IgnoredSetting {
    std::string key;
    std::string why;
};

/// All that is given, checked against all that is known.
class Settings {
public:
    /// Finds everything that is wrong: unknown keys with the nearest known, wrong values.
    static CheckedSettings check(GivenSettings given, const Catalogue& catalogue);
    /// The same configuration with what the store holds in its place among the sources. Only live keys that are
    /// known take a stored value, and only one that parses; the others are listed in `ignored`.
    Settings with_stored(const StoredSettings& stored, const Catalogue& catalogue,
                         std::vector<IgnoredSetting>& ignored) const;
    /// These settings with the live ones of `anew`: what can be in force without a restart.
    Settings with_live_of(const Settings& anew) const;
    /// Errors: invalid: all of that at once, one a line.
    static Result<Settings> make(GivenSettings given, const Catalogue& catalogue);

    /// Every known key with its value, in order of key.
    const std::map<std::string, Setting>& all() const { return settings_; }
    /// The text in force; empty when left out. The key must be known.
    std::string text(std::string_view key) const;
    std::vector<std::string> list(std::string_view key) const;
    std::chrono::milliseconds duration(std::string_view key) const;
    const std::vector<NamedInstance>& instances() const { return instances_; }
    const KeptOut& kept_out() const { return kept_out_; }
    /// Errors: invalid: required options that nobody gave, one a line.
    Result<void> check_required(const std::string& instance, const PluginInfo& plugin) const;
    /// The options of one instance of a plugin, checked. Errors: invalid, each with its key and source.
    Result<Config> config_of(const std::string& instance, const PluginInfo& plugin) const;
    /// Values of an instance's options as text, as Config::make takes them.
    std::map<std::string, std::string> values_of(const std::string& instance, const PluginInfo& plugin) const;

private:
    friend class SettingsChecker;
    std::map<std::string, Setting> settings_;
    std::vector<NamedInstance> instances_;
    KeptOut kept_out_;
    GivenSettings given_;
};

struct CheckedSettings {
    Settings settings;     ///< whatever can be had in spite of the problems
    std::string problems;  ///< one a line; empty when there are none
};

/// The key under which an option of an instance stands.
std::string key_of(const std::string& instance, const Option& option);

}  // namespace drover::core
