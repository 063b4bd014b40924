#include "drover/plugin.hpp"
#include "echo.hpp"

namespace {

class EchoPlugin final : public drover::Plugin {
public:
    std::vector<drover::Offer> offers() override { return {drover::offer<drover::bench::Echo>(echo_)}; }

private:
    drover::bench::EchoService echo_;
};

}  // namespace

DROVER_PLUGIN("drover.bench-echo", "1.0.0",
              {
                  .summary = "Measures what a call costs",
                  .provides = {drover::service<drover::bench::Echo>()},
                  .create = [](const drover::Config&, drover::Context&)
                      -> drover::Result<std::unique_ptr<drover::Plugin>> { return std::make_unique<EchoPlugin>(); },
              });
