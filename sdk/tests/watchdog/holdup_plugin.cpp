// A plugin that does what none may: its task blocks a thread of the executor, until the test lets it go.
#include <fstream>

#include "drover/plugin.hpp"

namespace {

class Holdup final : public drover::Plugin {
public:
    Holdup(std::string pipe, drover::Context& context) : pipe_(std::move(pipe)), context_(context) {}

    drover::Result<void> start(drover::Deadline) override {
        context_.tasks().spawn("holdup", [pipe = pipe_]() -> drover::Async<void> {
            // Opening a named pipe waits until somebody opens its other end.
            const std::ifstream blocks(pipe);
            co_return;
        });
        return drover::ok;
    }

private:
    const std::string pipe_;
    drover::Context& context_;
};

}  // namespace

DROVER_PLUGIN("drover.test-holdup", "0.1.0",
              {
                  .summary = "Blocks the executor, for the test of its watchdog",
                  .options = {drover::required_text("pipe",
                                                    "A named pipe; it blocks until this is opened for writing.")},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::make_unique<Holdup>(config.text("pipe"), context);
                  },
              });
