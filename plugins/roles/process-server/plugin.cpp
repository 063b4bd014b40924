// The role that carries processes out: it tells the engine of its server to begin, and to stop.
#include "drover/plugin.hpp"

#include <charconv>

#include "drover/engine/engine.hpp"

namespace drover::roles {
namespace {

class ProcessServer final : public Plugin {
public:
    ProcessServer(Context& context, ServeOptions options) : context_(context), options_(std::move(options)) {}

    Result<void> start(Deadline deadline) override {
        return block_on(context_.executor(), context_.get<Engine>().serve(options_), left(deadline));
    }
    Result<void> drain(Deadline deadline) override {
        return block_on(context_.executor(), context_.get<Engine>().stop_serving(deadline), left(deadline));
    }

private:
    std::chrono::milliseconds left(Deadline deadline) const {
        constexpr std::chrono::minutes kLongest{1};
        if (deadline.is_never()) return kLongest;
        // What is asked of the engine ends at the deadline; its answer takes a moment more.
        return std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock())) +
               std::chrono::seconds(1);
    }

    Context& context_;
    const ServeOptions options_;
};

Result<ServeOptions> serve_options(const Config& config) {
    ServeOptions options;
    options.in_flight = static_cast<std::size_t>(config.integer("in-flight"));
    options.per_agent = static_cast<std::size_t>(config.integer("per-agent"));
    for (const auto& entry : config.list("limits")) {
        const auto colon = entry.rfind(':');
        std::size_t limit = 0;
        const auto* end = entry.data() + entry.size();
        if (colon == std::string::npos || colon == 0 ||
            std::from_chars(entry.data() + colon + 1, end, limit).ptr != end || limit == 0)
            return Error(Errc::invalid, "limits: \"" + entry + "\" is not PROCESS:NUMBER, as instance.start:100");
        options.per_process[entry.substr(0, colon)] = limit;
    }
    return options;
}

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN(
    "drover.process-server", "0.1.0",
    {
        .summary = "Carries processes out",
        .needs = {drover::need<drover::Engine>()},
        .options =
            {
                drover::integer("in-flight", 2'000, 1, 1'000'000,
                                "How many processes may be under way at the same time, those that wait for agents "
                                "included."),
                drover::integer("per-agent", 64, 1, 100'000, "How many commands may be under way to one agent."),
                drover::list("limits", "", "Limits of single processes, as instance.start:100,volume.activate:20."),
            },
        .roles = {{"process-server", "carries out what was asked for", false}},
        .create = [](const drover::Config& config,
                     drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            auto options = drover::roles::serve_options(config);
            if (!options) return options.error();
            return std::unique_ptr<drover::Plugin>(new drover::roles::ProcessServer(context, std::move(*options)));
        },
    });
