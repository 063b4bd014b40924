#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/settings.hpp"

namespace drover::core {

/// One plugin instance of a composition, and who answers its needs.
struct PlannedInstance {
    std::string name;
    const PluginInfo* plugin = nullptr;           ///< in the catalogue, which outlives the composition
    std::string why;                              ///< "role api-server", "service.store", "needed by ops" ...
    std::map<std::string, std::size_t> bindings;  ///< interface id to index of the provider
    std::size_t step = 0;  ///< instances of one step start in parallel; those of step 1 need nobody
};

/// What runs in this process, decided and checked before anything starts.
struct Composition {
    std::vector<std::string> roles;          ///< that run here
    std::vector<PlannedInstance> instances;  ///< in an order in which they can start

    const PlannedInstance* find(std::string_view name) const;
};

/// Decides the composition. Errors: invalid, everything at once: unknown roles, unknown or refused plugins,
/// several builds, needs that nobody answers or several could, versions, missing traits, circles, options.
Result<Composition> compose(const Settings& settings, const Catalogue& catalogue);

/// As a tree for people, a Graphviz picture, and JSON.
std::string plan_as_text(const Composition& composition);
std::string plan_as_dot(const Composition& composition);
std::string plan_as_json(const Composition& composition);

}  // namespace drover::core
