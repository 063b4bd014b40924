#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "config/settings.hpp"

namespace drover::core {

/// One plugin instance of a composition, and who answers its needs.
struct PlannedInstance {
    std::string name;
    const PluginInfo* plugin = nullptr;           ///< in the catalogue, which outlives the composition
    std::string why;                              ///< "role api-server", "service.store", "needed by ops" ...
    std::map<std::string, std::size_t> bindings;  ///< interface id to index of the provider
    /// Interface id to indices of all that extend it, by name; itself among them when it does.
    std::map<std::string, std::vector<std::size_t>> collected{};
    std::size_t step = 0;  ///< instances of one step start in parallel; those of step 1 need nobody
};

/// What runs in this process, decided and checked before anything starts.
struct Composition {
    std::vector<std::string> roles;          ///< that run here
    std::vector<PlannedInstance> instances;  ///< in an order in which they can start
    KeptOut kept_out;                        ///< plugins that `plugin.NAME.use = off` keeps out

    /// The others that `index` uses: it starts after them and stops before them.
    std::vector<std::size_t> used_by(std::size_t index) const;
    const PlannedInstance* find(std::string_view name) const;
};

/// Decides the composition. Errors: invalid, everything at once: unknown roles, unknown or refused plugins,
/// several builds, needs that nobody answers or several could, versions, missing traits, circles, options.
/// A plugin that extends what an instance collects is drawn in by being found.
Result<Composition> compose(const Settings& settings, const Catalogue& catalogue);

/// Settings and composition from all that was given. Errors: invalid, everything that is wrong with either at once.
Result<std::pair<Settings, Composition>> compose(GivenSettings given, const Catalogue& catalogue);

/// As a tree for people, a Graphviz picture, and JSON.
std::string plan_as_text(const Composition& composition);
std::string plan_as_dot(const Composition& composition);
std::string plan_as_json(const Composition& composition);

}  // namespace drover::core
