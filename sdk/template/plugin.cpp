#include <drover/plugin.hpp>

#include "locks.hpp"

namespace example {
namespace {

using namespace std::chrono_literals;

/// One instance of the plugin: it owns the service and carries it through its life.
class LocksPlugin final : public drover::Plugin {
public:
    LocksPlugin(std::shared_ptr<Ledger> ledger, drover::Context& context, drover::Duration session_ttl)
        : context_(context), locks_(std::move(ledger), context, session_ttl) {}

    std::vector<drover::Offer> offers() override { return {drover::offer<drover::LockService>(locks_)}; }

    drover::Result<void> start(drover::Deadline) override {
        // Tasks of the context are cancelled and joined by the kernel after `stop`.
        context_.tasks().spawn("locks.keeper", [this] { return locks_.keep(); });
        return drover::ok;
    }
    drover::Result<void> drain(drover::Deadline) override {
        locks_.refuse_new_work();
        return drover::ok;
    }
    drover::Result<void> stop(drover::Deadline) override {
        locks_.give_everything_back();
        return drover::ok;
    }

private:
    drover::Context& context_;
    Locks locks_;
};

}  // namespace
}  // namespace example

// Everything that Drover knows of this plugin before it runs.
DROVER_PLUGIN(
    "com.example.locks", "1.0.0",
    {
        .summary = "Locks inside one process, as an example of a plugin",
        .provides = {drover::service<drover::LockService>({{"monotonic_tokens", "false"},
                                                           {"distributed", "false"},
                                                           {"survives_failover", "it ends with its process"}})},
        .options =
            {
                drover::text("area", "",
                             "Instances of one process with the same area exclude each other; empty: alone."),
                drover::duration("session-ttl", std::chrono::seconds(4),
                                 "How long a server that does not renew keeps its locks; renewed after a third of it.")
                    .between(100, 60'000),
            },
        .create = [](const drover::Config& config,
                     drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            return std::unique_ptr<drover::Plugin>(std::make_unique<example::LocksPlugin>(
                example::Ledger::of(config.text("area")), context, config.duration("session-ttl")));
        },
    });
