#include "drover/plugin.hpp"
#include "drover/services/lock.hpp"

// Two builds of one plugin: each says its version when it starts.
namespace {

using namespace drover;

class Twin final : public Plugin, LockService {
public:
    explicit Twin(Context& context) : context_(context) {}
    std::vector<Offer> offers() override { return {offer<LockService>(*this)}; }
    Result<void> start(Deadline) override {
        context_.log().info("twin started", {{"build", VERSION}});
        return ok;
    }
    Async<Result<Lease>> acquire(std::string, Deadline) override { co_return Error(Errc::unsupported, "no locks"); }
    Async<Result<void>> release(Lease) override { co_return ok; }
    Async<Result<std::optional<LockHolder>>> holder(std::string) override { co_return std::optional<LockHolder>(); }

private:
    Context& context_;
};

}  // namespace

DROVER_PLUGIN("test.twin", VERSION,
              {
                  .summary = "A plugin of which there are two builds",
                  .provides = {service<LockService>()},
                  .create = [](const Config&, Context& context) -> Result<std::unique_ptr<Plugin>> {
                      return std::unique_ptr<Plugin>(std::make_unique<Twin>(context));
                  },
              });
