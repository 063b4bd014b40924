#include "composition/composition.hpp"

#include <algorithm>
#include <functional>
#include <set>

namespace drover::core {
namespace {

std::string join(const std::vector<std::string>& words, std::string_view between = ", ") {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

class Composer {
public:
    Composer(const Settings& settings, const Catalogue& catalogue) : settings_(settings), catalogue_(catalogue) {}

    Result<Composition> run() {
        for (const auto& named : settings_.instances())
            if (!named.source.empty()) add(named.name, named.source);
        add_roles();
        // The list grows while it is walked: what answers a need has needs of its own.
        for (std::size_t i = 0; i < composition_.instances.size(); ++i) draw_in(i);
        bind_slots_of_nobody();
        for (std::size_t i = 0; i < composition_.instances.size(); ++i) link_extensions(i);
        check_options();
        composition_.kept_out = settings_.kept_out();
        if (problems_.empty()) order();
        if (!problems_.empty()) return Error(Errc::invalid, problems_);
        return std::move(composition_);
    }

private:
    void complain(const std::string& text) {
        if (said_.insert(text).second) problems_ += (problems_.empty() ? "" : "\n") + text;
    }

    /// Adds an instance unless it is there; its index, or none when its plugin cannot be had.
    std::optional<std::size_t> add(const std::string& name, const std::string& why) {
        for (std::size_t i = 0; i < composition_.instances.size(); ++i)
            if (composition_.instances[i].name == name) return i;
        if (const auto kept = settings_.kept_out().find(name); kept != settings_.kept_out().end()) {
            complain(why + ": " + name + " is kept out: " + kept->second + ": plugin." + name +
                     ".use=off. Remove one of the two.");
            return std::nullopt;
        }
        const auto& named = settings_.instances();
        const auto found =
            std::find_if(named.begin(), named.end(), [&](const NamedInstance& one) { return one.name == name; });
        const auto* plugin = choose(name, found == named.end() ? name : found->use,
                                    found == named.end() ? std::string() : found->build, why);
        if (!plugin) return std::nullopt;
        composition_.instances.push_back({.name = name, .plugin = plugin, .why = why, .bindings = {}});
        return composition_.instances.size() - 1;
    }

    const PluginInfo* choose(const std::string& instance, const std::string& use, const std::string& build,
                             const std::string& why) {
        auto found = catalogue_.named(use);
        if (found.empty()) {
            complain(why + ": no plugin " + use + " was found." + refusal_of(use) + nearest_plugin(use));
            return nullptr;
        }
        if (!build.empty()) {
            std::erase_if(found, [&](const PluginInfo* plugin) {
                return plugin->note.version != build && !plugin->note.build_id.starts_with(build);
            });
            if (found.empty()) {
                complain("plugin." + instance + ".build: no build " + build + " of " + use +
                         " was found. Found: " + titles(catalogue_.named(use)));
                return nullptr;
            }
        }
        if (found.size() > 1) {
            complain("plugin " + use + " was found " + std::to_string(found.size()) + " times: " + titles(found) +
                     ". Remove all but one, or choose with plugin." + instance + ".build=BUILD");
            return nullptr;
        }
        return found.front();
    }

    static std::string titles(const std::vector<const PluginInfo*>& plugins) {
        std::vector<std::string> words;
        for (const auto* plugin : plugins) words.push_back(plugin->title() + " in " + plugin->file.string());
        return join(words);
    }

    /// The reason why a file that might have been meant was not taken.
    std::string refusal_of(const std::string& name) const {
        std::string text;
        for (const auto& refused : catalogue_.refused) {
            auto note = host::read_note(refused.file);
            const bool meant =
                (note && (note->id == name || note->id.ends_with("." + name))) || refused.file.stem() == name;
            if (meant) text += " Refused: " + refused.error.describe();
        }
        return text;
    }

    std::string nearest_plugin(const std::string& use) const {
        std::vector<std::string> names;
        for (const auto& plugin : catalogue_.plugins) {
            names.push_back(plugin.note.id);
            names.push_back(plugin.short_name());
        }
        const auto near = nearest(use, names);
        return near.empty() ? " See: drover plugin list" : " Did you mean " + near + "?";
    }

    void add_roles() {
        std::vector<std::string> known;
        for (const auto& plugin : catalogue_.plugins)
            for (const auto& role : plugin.roles) known.push_back(role.name);
        auto wanted = settings_.list("server.profile");
        const bool all = std::find(wanted.begin(), wanted.end(), "all") != wanted.end();
        for (const auto& name : wanted) {
            if (name == "all" || std::find(known.begin(), known.end(), name) != known.end()) continue;
            const auto near = nearest(name, known);
            complain(settings_.all().at("server.profile").source + ": server.profile: no plugin has the role " + name +
                     "; known are all, " + join(known) + (near.empty() ? "." : ". Did you mean " + near + "?"));
        }
        for (const auto& plugin : catalogue_.plugins) {
            for (const auto& role : plugin.roles) {
                const bool named = std::find(wanted.begin(), wanted.end(), role.name) != wanted.end();
                if (!named && !all && !role.in_every_profile) continue;
                if (!named && is_kept_out(plugin.short_name())) continue;
                if (std::find(composition_.roles.begin(), composition_.roles.end(), role.name) ==
                    composition_.roles.end())
                    composition_.roles.push_back(role.name);
                const auto& there = composition_.instances;
                const bool present = std::any_of(there.begin(), there.end(), [&](const PlannedInstance& instance) {
                    return instance.plugin->note.id == plugin.note.id;
                });
                if (!present) add(plugin.short_name(), "role " + role.name);
            }
        }
    }

    bool is_kept_out(const std::string& name) const { return settings_.kept_out().contains(name); }

    /// Adds what an instance needs and what it collects.
    void draw_in(std::size_t i) {
        bind_needs(i);
        const auto collects = composition_.instances[i].plugin->collects;
        for (const auto& collected : collects)
            for (const auto& plugin : catalogue_.plugins)
                if (plugin.extends_interface(collected.id)) draw_in_extension(plugin, collected.id, i);
    }

    void draw_in_extension(const PluginInfo& plugin, const std::string& interface_id, std::size_t collector) {
        const auto name = plugin.short_name();
        if (is_kept_out(name)) return;
        const auto index = add(name, "extends " + interface_id + " for " + composition_.instances[collector].name);
        if (!index) return;
        const auto& there = composition_.instances;
        const bool present = std::any_of(there.begin(), there.end(), [&](const PlannedInstance& instance) {
            return instance.plugin->note.id == plugin.note.id;
        });
        if (!present)
            complain(plugin.title() + " in " + plugin.file.string() + " extends " + interface_id +
                     ", but its name is taken: " + name + " is " + there[*index].plugin->title() +
                     ". Name it with plugin.NAME.use=" + plugin.note.id);
    }

    /// When all instances are there: each that extends what this one collects, whoever drew it in.
    void link_extensions(std::size_t collector) {
        auto& all = composition_.instances;
        for (const auto& collected : all[collector].plugin->collects) {
            auto& list = all[collector].collected[collected.id];
            for (std::size_t i = 0; i < all.size(); ++i) {
                const auto* extension = all[i].plugin->extends_interface(collected.id);
                if (!extension) continue;
                if (extension->version != collected.version)
                    complain(all[collector].name + " (" + all[collector].plugin->title() + ") collects " +
                             collected.id + " version " + std::to_string(collected.version) + "; " + all[i].name +
                             " (" + all[i].plugin->title() + ") extends version " + std::to_string(extension->version) +
                             ". Take builds that agree, or keep it out with plugin." + all[i].name + ".use=off");
                list.push_back(i);
            }
        }
    }

    void bind_needs(std::size_t consumer) {
        const auto needs = composition_.instances[consumer].plugin->needs;
        for (const auto& need : needs) {
            const auto provider = provider_of(need, composition_.instances[consumer].name);
            if (!provider) continue;
            check_promise(need, consumer, *provider);
            composition_.instances[consumer].bindings[need.id] = *provider;
        }
    }

    std::optional<std::size_t> provider_of(const NeededService& need, const std::string& consumer) {
        const auto key = "service." + need.slot;
        const auto chosen = settings_.text(key);
        if (!chosen.empty()) {
            const auto index = add(chosen, settings_.all().at(key).source + ": " + key + "=" + chosen);
            if (index && !composition_.instances[*index].plugin->provides_service(need.id)) {
                complain(settings_.all().at(key).source + ": " + key + "=" + chosen + ": " +
                         composition_.instances[*index].plugin->note.id + " does not provide " + need.id +
                         candidates_text(need.id));
                return std::nullopt;
            }
            return index;
        }
        std::set<std::string> candidates;
        for (const auto& instance : composition_.instances)
            if (instance.plugin->provides_service(need.id)) candidates.insert(instance.name);
        if (candidates.empty()) {
            if (need.optional) return std::nullopt;
            for (const auto& plugin : catalogue_.plugins)
                if (plugin.provides_service(need.id) && !is_kept_out(plugin.short_name()))
                    candidates.insert(plugin.short_name());
        }
        if (candidates.size() == 1) return add(*candidates.begin(), "needed by " + consumer);
        if (candidates.empty())
            complain(consumer + " needs " + need.id + ", and no plugin that was found provides it." +
                     kept_out_of(need.id) + " See: drover plugin list, and the key plugin.path");
        else
            complain(consumer + " needs " + need.id + ", and " + key +
                     " is not set. Set it to one of: " + join({candidates.begin(), candidates.end()}));
        return std::nullopt;
    }

    std::string kept_out_of(const std::string& interface_id) const {
        std::string text;
        for (const auto& plugin : catalogue_.plugins)
            if (plugin.provides_service(interface_id) && is_kept_out(plugin.short_name()))
                text += " Kept out by plugin." + plugin.short_name() + ".use=off: " + plugin.note.id + ".";
        return text;
    }

    std::string candidates_text(const std::string& interface_id) const {
        std::vector<std::string> names;
        for (const auto& plugin : catalogue_.plugins)
            if (plugin.provides_service(interface_id)) names.push_back(plugin.short_name());
        return names.empty() ? "." : ". These do: " + join(names);
    }

    void check_promise(const NeededService& need, std::size_t consumer, std::size_t provider) {
        const auto& from = composition_.instances[provider];
        const auto& to = composition_.instances[consumer];
        const auto* service = from.plugin->provides_service(need.id);
        if (!service) return;
        if (service->version != need.version)
            complain(to.name + " (" + to.plugin->title() + ") needs " + need.id + " version " +
                     std::to_string(need.version) + "; " + from.name + " (" + from.plugin->title() +
                     ") provides version " + std::to_string(service->version) + ". Take builds that agree.");
        for (const auto& [name, wanted] : need.traits) {
            const auto has = service->traits.find(name);
            const auto seen = has == service->traits.end() ? std::string("nothing") : has->second;
            if (seen != wanted)
                complain(to.name + " needs " + need.id + " with " + name + "=" + wanted + "; " + from.name +
                         " promises " + seen + "." + candidates_text(need.id));
        }
    }

    /// A slot that the configuration sets but nobody needs is still loaded: the operator asked for it.
    void bind_slots_of_nobody() {
        for (const auto& [key, setting] : settings_.all()) {
            if (!key.starts_with("service.") || !setting.value || setting.value->empty()) continue;
            const auto before = composition_.instances.size();
            const auto index = add(*setting.value, setting.source + ": " + key + "=" + *setting.value);
            if (!index) continue;
            const auto slot = key.substr(std::string_view("service.").size());
            const auto& provides = composition_.instances[*index].plugin->provides;
            const bool serves = std::any_of(provides.begin(), provides.end(),
                                            [&](const ProvidedService& service) { return service.slot == slot; });
            if (!serves)
                complain(setting.source + ": " + key + "=" + *setting.value + ": " +
                         composition_.instances[*index].plugin->note.id + " provides no service for the slot " + slot);
            for (std::size_t i = before; i < composition_.instances.size(); ++i) draw_in(i);
        }
    }

    void check_options() {
        for (const auto& instance : composition_.instances)
            if (auto given = settings_.check_required(instance.name, *instance.plugin); !given)
                complain(given.error().message());
    }

    /// Steps by longest path; then a stable order by step. A circle is named in full.
    void order() {
        auto& all = composition_.instances;
        std::vector<int> state(all.size(), 0);
        std::vector<std::string> path;
        const std::function<void(std::size_t)> visit = [&](std::size_t i) {
            if (state[i] == 2) return;
            path.push_back(all[i].name);
            if (state[i] == 1) {
                const auto begin = std::find(path.begin(), path.end(), all[i].name);
                complain(
                    "these plugins need each other, so none can start first: " + join({begin, path.end()}, " -> ") +
                    ". Bind one of the slots to another instance, or keep one out with plugin.NAME.use=off.");
            } else {
                state[i] = 1;
                all[i].step = 1;
                for (const auto used : composition_.used_by(i)) {
                    visit(used);
                    all[i].step = std::max(all[i].step, all[used].step + 1);
                }
                state[i] = 2;
            }
            path.pop_back();
        };
        for (std::size_t i = 0; i < all.size() && problems_.empty(); ++i) visit(i);
        if (!problems_.empty()) return;

        std::vector<std::size_t> order(all.size());
        for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
            return std::pair(all[a].step, all[a].name) < std::pair(all[b].step, all[b].name);
        });
        std::vector<std::size_t> place(all.size());
        for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
        std::vector<PlannedInstance> sorted;
        for (const auto index : order) {
            sorted.push_back(std::move(all[index]));
            for (auto& [id, provider] : sorted.back().bindings) provider = place[provider];
            for (auto& [id, extensions] : sorted.back().collected)
                for (auto& extension : extensions) extension = place[extension];
        }
        for (auto& instance : sorted)
            for (auto& [id, extensions] : instance.collected)
                std::sort(extensions.begin(), extensions.end(),
                          [&](auto a, auto b) { return sorted[a].name < sorted[b].name; });
        all = std::move(sorted);
    }

    const Settings& settings_;
    const Catalogue& catalogue_;
    Composition composition_;
    std::string problems_;
    std::set<std::string> said_;
};

}  // namespace

const PlannedInstance* Composition::find(std::string_view name) const {
    for (const auto& instance : instances)
        if (instance.name == name) return &instance;
    return nullptr;
}

std::vector<std::size_t> Composition::used_by(std::size_t index) const {
    std::set<std::size_t> used;
    for (const auto& [id, provider] : instances[index].bindings) used.insert(provider);
    for (const auto& [id, extensions] : instances[index].collected) used.insert(extensions.begin(), extensions.end());
    used.erase(index);
    return {used.begin(), used.end()};
}

Result<Composition> compose(const Settings& settings, const Catalogue& catalogue) {
    return Composer(settings, catalogue).run();
}

Result<std::pair<Settings, Composition>> compose(GivenSettings given, const Catalogue& catalogue) {
    auto [settings, problems] = Settings::check(std::move(given), catalogue);
    auto composition = compose(settings, catalogue);
    if (!composition) problems += (problems.empty() ? "" : "\n") + composition.error().message();
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return std::pair(std::move(settings), std::move(*composition));
}

}  // namespace drover::core
