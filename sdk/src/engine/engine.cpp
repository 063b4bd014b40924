#include "drover/engine/engine.hpp"

namespace drover {
namespace {

class EngineFacade final : public Engine {
public:
    explicit EngineFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    std::shared_ptr<const Model> model() override {
        return call_now<Engine>(*binding_, "model", [](Engine& engine) { return engine.model(); });
    }
    std::string setting(std::string key) override {
        return call_now<Engine>(*binding_, "setting", [&](Engine& engine) { return engine.setting(std::move(key)); });
    }
    std::vector<SettingValue> settings() override {
        return call_now<Engine>(*binding_, "settings", [](Engine& engine) { return engine.settings(); });
    }
    Async<Result<void>> refresh_settings() override {
        return guarded<Engine, void>(*binding_, "refresh_settings",
                                     [](Engine& engine) { return engine.refresh_settings(); });
    }

    Async<Result<Scheduled>> schedule(ProcessRequest request, Deadline deadline) override {
        return guarded<Engine, Scheduled>(*binding_, "schedule",
                                          [request = std::move(request), deadline](Engine& engine) mutable {
                                              return engine.schedule(std::move(request), deadline);
                                          });
    }
    Async<Result<Scheduled>> create(std::string type, boost::json::object values, Deadline deadline) override {
        return guarded<Engine, Scheduled>(
            *binding_, "create",
            [type = std::move(type), values = std::move(values), deadline](Engine& engine) mutable {
                return engine.create(std::move(type), std::move(values), deadline);
            });
    }
    Async<Result<Record>> update(std::string type, std::int64_t id, boost::json::object changes,
                                 Deadline deadline) override {
        return guarded<Engine, Record>(
            *binding_, "update",
            [type = std::move(type), id, changes = std::move(changes), deadline](Engine& engine) mutable {
                return engine.update(std::move(type), id, std::move(changes), deadline);
            });
    }

    Async<Result<void>> retry(std::int64_t process_id) override {
        return guarded<Engine, void>(*binding_, "retry",
                                     [process_id](Engine& engine) { return engine.retry(process_id); });
    }
    Async<Result<void>> cancel(std::int64_t process_id, std::string why) override {
        return guarded<Engine, void>(*binding_, "cancel", [process_id, why = std::move(why)](Engine& engine) mutable {
            return engine.cancel(process_id, std::move(why));
        });
    }
    Async<Result<boost::json::object>> explain(std::int64_t process_id) override {
        return guarded<Engine, boost::json::object>(
            *binding_, "explain", [process_id](Engine& engine) { return engine.explain(process_id); });
    }
    Async<Result<std::vector<LogicInfo>>> logic_of(std::string process) override {
        return guarded<Engine, std::vector<LogicInfo>>(
            *binding_, "logic_of",
            [process = std::move(process)](Engine& engine) mutable { return engine.logic_of(std::move(process)); });
    }
    Async<Result<void>> run_task(std::string name) override {
        return guarded<Engine, void>(*binding_, "run_task", [name = std::move(name)](Engine& engine) mutable {
            return engine.run_task(std::move(name));
        });
    }

    Async<Result<void>> serve(ServeOptions options) override {
        return guarded<Engine, void>(*binding_, "serve", [options = std::move(options)](Engine& engine) mutable {
            return engine.serve(std::move(options));
        });
    }
    Async<Result<void>> stop_serving(Deadline deadline) override {
        return guarded<Engine, void>(*binding_, "stop_serving",
                                     [deadline](Engine& engine) { return engine.stop_serving(deadline); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

template <>
std::shared_ptr<Engine> make_facade<Engine>(std::shared_ptr<Binding> binding) {
    return std::make_shared<EngineFacade>(std::move(binding));
}

}  // namespace drover
