#include <algorithm>
#include <set>

#include "config/settings.hpp"

namespace drover::core {
namespace {

/// plugin.NAME.REST
struct InstanceKey {
    std::string instance;
    std::string rest;
};
std::optional<InstanceKey> split_instance_key(const std::string& key) {
    constexpr std::string_view kPrefix = "plugin.";
    if (!key.starts_with(kPrefix)) return std::nullopt;
    const auto dot = key.find('.', kPrefix.size());
    if (dot == std::string::npos) return std::nullopt;
    return InstanceKey{key.substr(kPrefix.size(), dot - kPrefix.size()), key.substr(dot + 1)};
}

Option about_use() {
    return text("use", "",
                "Which plugin this instance is: an id such as drover.redis, or its last word; off keeps the plugin of "
                "this name out.")
        .optional();
}
Option about_build() {
    return text("build", "",
                "Which build of the plugin, when several were found: a version or the begin of a build id.")
        .optional();
}

std::vector<std::string> words_of(std::string_view text, char separator) {
    std::vector<std::string> words;
    for (;;) {
        const auto end = std::min(text.find(separator), text.size());
        words.emplace_back(text.substr(0, end));
        if (end == text.size()) return words;
        text.remove_prefix(end + 1);
    }
}

std::string with_star(std::string pattern, const std::string& star) {
    const auto at = pattern.find('*');
    return at == std::string::npos ? pattern : pattern.replace(at, 1, star);
}

/// What `key` would be were its first and last words those of the pattern.
std::optional<std::string> likened(const std::string& pattern, const std::string& key, char separator) {
    const auto wanted = words_of(pattern, separator);
    const auto words = words_of(key, separator);
    if (words.size() < wanted.size()) return std::nullopt;
    const auto holds_star = [](const std::string& word) { return word.find('*') != std::string::npos; };
    const auto before = std::find_if(wanted.begin(), wanted.end(), holds_star) - wanted.begin();
    const auto count = static_cast<std::ptrdiff_t>(words.size() - wanted.size()) + 1;
    std::string star;
    for (auto i = before; i < before + count; ++i)
        star += (star.empty() ? "" : std::string(1, separator)) + words[static_cast<std::size_t>(i)];
    return with_star(pattern, star);
}

std::string in_capitals(std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return text;
}

}  // namespace

/// Puts together what was given, what is known, and what the store holds.
class SettingsChecker {
public:
    SettingsChecker(GivenSettings given, const StoredSettings& stored, const Catalogue& catalogue)
        : given_(std::move(given)), stored_(stored), catalogue_(catalogue) {}

    void run() {
        find_instances();
        gather_known();
        check_named();
        check_stored();
        check_environment();
        take_values();
        settings_.given_ = std::move(given_);
    }

    Settings settings_;
    std::string problems_;
    std::vector<IgnoredSetting> ignored_;

private:
    void complain(const std::string& text) { problems_ += (problems_.empty() ? "" : "\n") + text; }

    /// Instances that the configuration names with `use`, then plugins under their own names.
    void find_instances() {
        for (const auto& [key, value] : given_.named()) {
            const auto split = split_instance_key(key);
            if (split && split->rest == kUseKey) name_instance(split->instance);
        }
        for (const auto& plugin : catalogue_.plugins) {
            const auto name = plugin.short_name();
            name_instance(name);
            if (!names_.insert(name).second) continue;
            settings_.instances_.push_back({name, plugin.note.id, build_of(name), ""});
        }
    }
    /// What plugin.NAME.use says.
    void name_instance(const std::string& name) {
        const auto use = given_.find("plugin." + name + "." + std::string(kUseKey));
        if (!use || use->value.empty()) return;
        if (use->value == kUseOff) settings_.kept_out_.emplace(name, use->source);
        else if (names_.insert(name).second)
            settings_.instances_.push_back({name, use->value, build_of(name), use->source});
    }
    std::string build_of(const std::string& name) const {
        const auto build = given_.find("plugin." + name + "." + std::string(kBuildKey));
        return build ? build->value : "";
    }

    void gather_known() {
        for (const auto& option : kernel_options()) known_[option.name] = {option.name, option, "kernel"};
        for (const auto& plugin : catalogue_.plugins) {
            for (const auto& service : plugin.provides) {
                const auto key = "service." + service.slot;
                known_.emplace(
                    key,
                    KnownKey{key, drover::text(key, "", "Which plugin instance serves " + service.id + ".").optional(),
                             "kernel"});
            }
        }
        for (const auto& instance : settings_.instances_) {
            for (const auto& option : {about_use(), about_build()}) {
                const auto key = "plugin." + instance.name + "." + option.name;
                known_.emplace(key, KnownKey{key, option, "kernel"});
            }
            for (const auto* plugin : catalogue_.named(instance.use)) {
                for (const auto& option : plugin->options) {
                    const KnownKey entry{key_of(instance.name, option), option,
                                         plugin->note.id + " as " + instance.name};
                    if (option.is_pattern()) patterns_.push_back(entry);
                    else if (!known_.emplace(entry.key, entry).second) shared_.emplace(entry.key, option);
                }
            }
        }
        // What one of several plugins cannot change while it runs, none of them changes.
        for (const auto& [key, option] : shared_)
            if (!option.is_live) known_.at(key).option.is_live = false;
    }

    /// As what a key that matches a pattern is known; none when it matches none.
    std::optional<KnownKey> matched(const std::string& key) const {
        std::optional<KnownKey> found;
        for (const auto& pattern : patterns_) {
            if (!star_of(pattern.key, key)) continue;
            if (!found) found = KnownKey{key, pattern.option, pattern.declared_by};
            else if (!pattern.option.is_live) found->option.is_live = false;
        }
        return found;
    }
    /// Every option that a key is for: plugins may share one.
    std::vector<const Option*> options_of(const KnownKey& entry) const {
        std::vector<const Option*> options;
        if (entry.option.is_pattern()) {
            for (const auto& pattern : patterns_)
                if (star_of(pattern.key, entry.key)) options.push_back(&pattern.option);
            return options;
        }
        options.push_back(&entry.option);
        const auto [begin, end] = shared_.equal_range(entry.key);
        for (auto one = begin; one != end; ++one) options.push_back(&one->second);
        return options;
    }
    Result<void> check_value(const KnownKey& entry, const std::string& value) const {
        for (const auto* option : options_of(entry))
            if (auto parsed = parse_option(*option, value); !parsed) return parsed.error();
        return ok;
    }

    void check_named() {
        std::vector<std::string> known_keys;
        for (const auto& [key, entry] : known_) known_keys.push_back(key);
        for (const auto& [key, value] : given_.named()) {
            if (known_.contains(key)) continue;
            if (const auto entry = matched(key)) known_.emplace(key, *entry);
            else complain_of(key, value.source, known_keys);
        }
    }
    void complain_of(const std::string& key, const std::string& source, std::vector<std::string> candidates) {
        const auto split = split_instance_key(key);
        const auto at = source + ": " + key + ": ";
        if (split && names_.contains(split->instance)) {
            // The instance is known: the nearest of its own options, and where to read about them.
            const auto& instance = *std::find_if(settings_.instances_.begin(), settings_.instances_.end(),
                                                 [&](const auto& one) { return one.name == split->instance; });
            const auto plugins = catalogue_.named(instance.use);
            std::vector<std::string> names;
            for (const auto* plugin : plugins)
                for (const auto& option : plugin->options) names.push_back(option.name);
            const auto near = nearest(split->rest, names);
            const auto id = plugins.empty() ? instance.use : plugins.front()->note.id;
            return complain(at + "unknown option of " + id + "." + (near.empty() ? "" : " Did you mean " + near + "?") +
                            (plugins.empty() ? "" : " See: drover plugin inspect " + id));
        }
        for (const auto& pattern : patterns_)
            if (auto candidate = likened(pattern.key, key, '.')) candidates.push_back(std::move(*candidate));
        const auto near = nearest(key, candidates);
        if (split)
            return complain(at + "no plugin is called " + split->instance + " and no plugin.use names one." +
                            (near.empty()
                                 ? " Name it with plugin." + split->instance + ".use=ID; see: drover plugin list"
                                 : " Did you mean " + near + "?"));
        complain(at + "unknown key." +
                 (near.empty() ? " See: drover config reference" : " Did you mean " + near + "?"));
    }

    /// After the keys of files are known: where a variable could be one of these, it is.
    void check_environment() {
        std::set<std::string> folded;
        for (const auto& [key, entry] : known_) folded.insert(fold_key(key));
        for (const auto& [name, variable] : given_.environment()) {
            if (folded.contains(name) || add_from_environment(name)) continue;
            std::vector<std::string> names(folded.begin(), folded.end());
            for (const auto& pattern : patterns_)
                if (auto candidate = likened(fold_key(pattern.key), name, '_')) names.push_back(std::move(*candidate));
            const auto near = in_capitals(nearest(name, names));
            complain("environment: " + variable.first + ": unknown key." +
                     (near.empty() ? " Variables that begin with DROVER_ are read as keys; see: drover config reference"
                                   : " Did you mean DROVER_" + near + "?"));
        }
    }
    /// A variable's name does not say where '.' and '-' were, nor capitals: what the '*' stands for is lower case
    /// with '.' between the words.
    bool add_from_environment(const std::string& folded) {
        for (const auto& pattern : patterns_) {
            auto star = star_of(fold_key(pattern.key), folded);
            if (!star) continue;
            std::replace(star->begin(), star->end(), '_', '.');
            const auto key = with_star(pattern.key, *star);
            known_.emplace(key, matched(key).value());
            return true;
        }
        return false;
    }

    void check_stored() {
        for (const auto& [key, value] : stored_) {
            const auto found = known_.find(key);
            const auto entry = found != known_.end() ? std::optional(found->second) : matched(key);
            if (!entry) {
                ignored_.push_back({key, "nobody declares it"});
            } else if (!entry->option.is_live) {
                ignored_.push_back({key, "it cannot change while the server runs: give it in the configuration"});
            } else if (const auto good = check_value(*entry, value); !good) {
                ignored_.push_back({key, good.error().message()});
            } else {
                taken_.insert(key);
                known_.emplace(key, *entry);
            }
        }
    }

    void take_values() {
        for (const auto& [key, entry] : known_) {
            Setting setting{entry, entry.option.fallback, "default"};
            auto value = given_.find(key);
            if ((!value || value->is_weak) && taken_.contains(key)) {
                setting.value = stored_.at(key);
                setting.source = "database";
            } else if (value) {
                setting.value = std::move(value->value);
                setting.source = std::move(value->source);
                if (const auto good = check_value(entry, *setting.value); !good)
                    complain(setting.source + ": " + key + ": " + good.error().describe());
            }
            settings_.settings_.emplace(key, std::move(setting));
        }
    }

    GivenSettings given_;
    const StoredSettings& stored_;
    const Catalogue& catalogue_;
    std::set<std::string> names_;  // of instances
    std::map<std::string, KnownKey> known_;
    std::multimap<std::string, Option> shared_;  // further options under one key
    std::vector<KnownKey> patterns_;             // whose key holds a '*'
    std::set<std::string> taken_;                // of the stored keys
};

CheckedSettings Settings::check(GivenSettings given, const Catalogue& catalogue) {
    const StoredSettings none;
    SettingsChecker checker(std::move(given), none, catalogue);
    checker.run();
    return {std::move(checker.settings_), std::move(checker.problems_)};
}

Settings Settings::with_stored(const StoredSettings& stored, const Catalogue& catalogue,
                               std::vector<IgnoredSetting>& ignored) const {
    SettingsChecker checker(given_, stored, catalogue);
    checker.run();
    ignored = std::move(checker.ignored_);
    return std::move(checker.settings_);
}

Settings Settings::with_live_of(const Settings& anew) const {
    auto merged = *this;
    // Of other keys that are gone the plugin went, which runs on until a restart.
    std::erase_if(merged.settings_, [&](const auto& entry) {
        const auto& option = entry.second.known.option;
        return option.is_pattern() && option.is_live && !anew.settings_.contains(entry.first);
    });
    for (const auto& [key, setting] : anew.settings_)
        if (setting.known.option.is_live) merged.settings_[key] = setting;
    return merged;
}

}  // namespace drover::core
