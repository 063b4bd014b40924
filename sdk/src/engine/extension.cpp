#include "drover/engine/extension.hpp"

namespace drover {

std::string_view to_string(LogicPhase phase) {
    switch (phase) {
        case LogicPhase::pre: return "pre";
        case LogicPhase::handler: return "handler";
        case LogicPhase::post: return "post";
    }
    return "handler";
}

Async<Result<void>> ModelExtension::agent_reported(AgentReport) { co_return ok; }

namespace {

/// A function of a plugin that is kept by others, and what stands between.
template <class Function>
struct Kept {
    std::shared_ptr<Binding> binding;  // owners: the registry, its facades, and what they handed out
    std::string verb;                  ///< for messages: "logic InstanceStart"
    Function call;
};

template <class T, class... Arguments>
Async<Result<T>> carry_out(std::shared_ptr<const Kept<std::function<Async<Result<T>>(Arguments...)>>> kept,
                           Arguments... arguments) {
    auto running = guarded<ModelExtension, T>(*kept->binding, kept->verb,
                                              [&](ModelExtension&) { return kept->call(std::move(arguments)...); });
    co_return co_await std::move(running);
}

/// Puts the binding before `call`: it counts as a call into the plugin, and is refused once that stopped.
template <class T, class... Arguments>
void guard(const std::shared_ptr<Binding>& binding, std::string verb,
           std::function<Async<Result<T>>(Arguments...)>& call) {
    using Function = std::function<Async<Result<T>>(Arguments...)>;
    // owners: every copy of the function
    auto kept = std::make_shared<const Kept<Function>>(Kept<Function>{binding, std::move(verb), std::move(call)});
    call = [kept](Arguments... arguments) { return carry_out<T, Arguments...>(kept, std::move(arguments)...); };
}

class ExtensionFacade final : public ModelExtension {
public:
    explicit ExtensionFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    std::vector<Seed> seeds() override {
        return call_now<ModelExtension>(*binding_, "seeds", [](ModelExtension& plugin) { return plugin.seeds(); });
    }
    std::vector<Logic> logic() override {
        auto all = call_now<ModelExtension>(*binding_, "logic", [](ModelExtension& plugin) { return plugin.logic(); });
        for (auto& one : all) guard(binding_, "logic " + one.name, one.call);
        return all;
    }
    std::vector<PeriodicTask> tasks() override {
        auto all = call_now<ModelExtension>(*binding_, "tasks", [](ModelExtension& plugin) { return plugin.tasks(); });
        for (auto& one : all) guard(binding_, "task " + one.name, one.call);
        return all;
    }
    std::vector<CreateFilter> create_filters() override {
        auto all = call_now<ModelExtension>(*binding_, "create_filters",
                                            [](ModelExtension& plugin) { return plugin.create_filters(); });
        for (auto& one : all)
            guard(binding_, "create filter of " + (one.types.empty() ? "nothing" : one.types.front()), one.call);
        return all;
    }
    std::vector<ActionHandler> actions() override {
        auto all =
            call_now<ModelExtension>(*binding_, "actions", [](ModelExtension& plugin) { return plugin.actions(); });
        for (auto& one : all) guard(binding_, "action " + one.type + "." + one.action, one.call);
        return all;
    }
    Async<Result<void>> agent_reported(AgentReport report) override {
        return guarded<ModelExtension, void>(*binding_, "agent_reported",
                                             [report = std::move(report)](ModelExtension& plugin) mutable {
                                                 return plugin.agent_reported(std::move(report));
                                             });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry, its facades, and what they handed out
};

}  // namespace

template <>
std::shared_ptr<ModelExtension> make_facade<ModelExtension>(std::shared_ptr<Binding> binding) {
    return std::make_shared<ExtensionFacade>(std::move(binding));
}

}  // namespace drover
