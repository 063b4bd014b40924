#include "drover/plugin.hpp"

#include "drover/engine/engine.hpp"
#include "filters/filters.hpp"
#include "logic/all.hpp"
#include "report.hpp"
#include "seeds.hpp"
#include "settings.hpp"
#include "types/types.hpp"

namespace drover::cloud {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kQueue = 256;

class CloudPlugin final : public Plugin, public ModelExtension {
public:
    explicit CloudPlugin(Context& context)
        : cloud_(std::make_shared<Cloud>(context.clock(), context.log(), context.metrics(),
                                         context.make_blocking_pool(kThreads, kQueue))) {}

    std::vector<Offer> offers() override { return {offer<ModelExtension>(*this)}; }
    Result<void> stop(Deadline deadline) override {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(cloud_->clock));
        if (cloud_->pool->close(std::min<std::chrono::milliseconds>(left, 10s))) return ok;
        return Error(Errc::timeout, "a name is still being looked up, or a secret hashed");
    }

    std::vector<Seed> seeds() override { return cloud::seeds(); }
    std::vector<Logic> logic() override { return all_logic(cloud_); }
    std::vector<CreateFilter> create_filters() override { return cloud::create_filters(cloud_); }
    Async<Result<void>> agent_reported(AgentReport report) override {
        auto hands = ReportHands::of(report.hands, cloud_->clock);
        auto taken = co_await take_report(cloud_, std::move(hands), report.agent_id, std::move(report.resources));
        if (!taken) co_return taken.error();
        co_return ok;
    }

private:
    CloudPtr cloud_;
};

}  // namespace
}  // namespace drover::cloud

DROVER_PLUGIN("drover.cloud", "0.1.0",
              {
                  .summary = "The cloud's resources: accounts, agents, hosts, storage pools, images, volumes, machines",
                  .options = drover::cloud::options(),
                  .resource_types = drover::cloud::all_types().resources,
                  .api_types = drover::cloud::all_types().api,
                  .processes = drover::cloud::all_types().processes,
                  .extends = {drover::extension<drover::ModelExtension>()},
                  .create = [](const drover::Config&,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(std::make_unique<drover::cloud::CloudPlugin>(context));
                  },
              });
