#include "drover/engine/extension.hpp"
#include "drover/plugin.hpp"

// A plugin that extends what test.collector collects, and says when each verb begins.
namespace {

using namespace drover;

class Extender final : public Plugin, ModelExtension {
public:
    Extender(const Config& config, Context& context) : context_(context), throws_(config.boolean("throws")) {}

    std::vector<Offer> offers() override { return {offer<ModelExtension>(*this)}; }
    Result<void> start(Deadline) override { return say("start"); }
    Result<void> drain(Deadline) override { return say("drain"); }
    Result<void> stop(Deadline) override { return say("stop"); }

    std::vector<Logic> logic() override {
        Logic greet;
        greet.name = "Greet";
        greet.processes = {"thing.create"};
        greet.call = [this](ProcessRunPtr) -> Async<Result<LogicResult>> { return run(); };
        return {greet};
    }

private:
    Result<void> say(const std::string& verb) {
        context_.log().info("verb " + verb);
        return ok;
    }
    Async<Result<LogicResult>> run() {
        if (throws_) throw std::runtime_error("mischief in logic");
        LogicResult result;
        result.data["from"] = context_.instance();
        co_return result;
    }

    Context& context_;
    const bool throws_;
};

ApiType shown_as(std::string name) {
    ApiType type;
    type.name = std::move(name);
    return type;
}

}  // namespace

DROVER_PLUGIN("test.extender", "1.0.0",
              {
                  .summary = "Extends the model",
                  .options = {boolean("throws", false, "Whether its logic throws.")},
                  .resource_types = {{.name = "thing", .fields = standard_fields()}},
                  .api_types = {shown_as("thing")},
                  .processes = generic_processes("thing"),
                  .extends = {extension<ModelExtension>()},
                  .create = [](const Config& config, Context& context) -> Result<std::unique_ptr<Plugin>> {
                      return std::unique_ptr<Plugin>(std::make_unique<Extender>(config, context));
                  },
              });
