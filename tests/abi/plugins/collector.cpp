#include "drover/engine/extension.hpp"
#include "drover/plugin.hpp"

// A role that collects the extensions of the model, itself among them, and offers settings as a store would.
namespace {

using namespace drover;

class Collector final : public Plugin, ModelExtension {
public:
    Collector(const Config& config, Context& context) : context_(context), offered_(config.list("offers")) {
        tell("created", config);
    }

    std::vector<Offer> offers() override { return {offer<ModelExtension>(*this)}; }
    Result<void> start(Deadline) override {
        std::string names;
        for (const auto& extension : context_.extensions<ModelExtension>()) {
            names += (names.empty() ? "" : " ") + extension.instance;
            if (extension.instance == context_.instance()) continue;
            for (auto& logic : extension.object->logic()) logic_.push_back(std::move(logic));
        }
        context_.log().info("collected", {{"extensions", names},
                                          {"types", context_.resource_types().size()},
                                          {"api_types", context_.api_types().size()},
                                          {"processes", context_.processes().size()}});
        context_.tasks().spawn("collector.calls", [this] { return call(); });
        return ok;
    }
    Result<void> drain(Deadline) override {
        context_.log().info("verb drain");
        return ok;
    }
    Result<void> stop(Deadline) override {
        context_.log().info("verb stop");
        return ok;
    }
    Result<void> reconfigure(const Config& config) override {
        tell("reconfigured", config);
        return ok;
    }

private:
    Async<void> call() {
        for (const auto& logic : logic_) {
            const auto result = co_await logic.call(nullptr);
            context_.log().info("logic ended",
                                {{"code", result ? "ok" : to_string(result.error().code())},
                                 {"from", result ? std::string_view(result->data.at("from").as_string()) : "nobody"}});
        }
        std::map<std::string, std::string> stored;
        for (const auto& pair : offered_) {
            const auto colon = pair.find(':');
            stored[pair.substr(0, colon)] = pair.substr(colon + 1);
        }
        // On the executor, as the engine does.
        if (!stored.empty()) context_.offer_settings(std::move(stored));
    }
    /// What it was configured with, and what everybody sees.
    void tell(const std::string& verb, const Config& config) {
        std::string schedules;
        for (const auto& [task, seconds] : config.matches("schedule"))
            schedules += (schedules.empty() ? "" : " ") + task + "=" + seconds;
        std::string known;
        for (const auto& setting : context_.settings())
            if (setting.source == "database") known += (known.empty() ? "" : " ") + setting.key;
        context_.log().info(verb, {{"greeting", config.text("greeting")}, {"schedules", schedules}, {"stored", known}});
    }

    Context& context_;
    const std::vector<std::string> offered_;
    std::vector<Logic> logic_;
};

}  // namespace

DROVER_PLUGIN("test.collector", "1.0.0",
              {
                  .summary = "Collects extensions of the model",
                  .options =
                      {
                          list("offers", "", "Settings as the store would hold them, as KEY:VALUE."),
                          text("greeting", "hello", "What it says.").live(),
                          text("fixed", "", "What it says until a restart."),
                          secret("token", "What it tells nobody.").live(),
                          integer("schedule", 60, 0, 86'400, "Seconds between the runs of a task.")
                              .at_key("task.*.schedule")
                              .live(),
                      },
                  .roles = {{"collector", "Collects", false}},
                  .extends = {extension<ModelExtension>()},
                  .collects = {collect<ModelExtension>()},
                  .create = [](const Config& config, Context& context) -> Result<std::unique_ptr<Plugin>> {
                      return std::unique_ptr<Plugin>(std::make_unique<Collector>(config, context));
                  },
              });
