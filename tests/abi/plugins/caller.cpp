#include "drover/plugin.hpp"
#include "drover/services/lock.hpp"

// A role that calls a lock service once and says what came of it.
namespace {

using namespace drover;

class Caller final : public Plugin {
public:
    explicit Caller(Context& context) : context_(context) {}
    Result<void> start(Deadline) override {
        context_.tasks().spawn("calling", [this] { return call(); });
        return ok;
    }

private:
    Async<void> call() {
        auto& locks = context_.get<LockService>();
        const auto deadline = Deadline::in(context_.clock(), std::chrono::seconds(1));
        const auto lease = co_await locks.acquire("jobs", deadline);
        context_.log().info("call ended", {{"code", lease ? "ok" : to_string(lease.error().code())},
                                           {"error", lease ? "" : lease.error().message()}});
    }
    Context& context_;
};

}  // namespace

DROVER_PLUGIN("test.caller", "1.0.0",
              {
                  .summary = "Calls a lock service once",
                  .needs = {need<LockService>()},
                  .roles = {{"caller", "Calls a lock service once", false}},
                  .create = [](const Config&, Context& context) -> Result<std::unique_ptr<Plugin>> {
                      return std::unique_ptr<Plugin>(std::make_unique<Caller>(context));
                  },
              });
