#pragma once

#include <functional>
#include <memory>

#include "core.hpp"
#include "drover/engine/engine.hpp"
#include "drover/engine/extension.hpp"

namespace drover::engine {

class Tasks;

/// Engine, as the other plugins know it.
class EngineService final : public Engine {
public:
    /// Between the plugin's start and its stop.
    void attach(Core* core, Tasks* tasks) {
        core_ = core;
        tasks_ = tasks;
    }

    std::shared_ptr<const Model> model() override { return core_->model; }
    std::string setting(std::string key) override { return core_->settings.get(key); }
    std::vector<SettingValue> settings() override { return core_->settings.all(); }
    Async<Result<void>> refresh_settings() override;
    Async<Result<Scheduled>> schedule(ProcessRequest request, Deadline deadline) override;
    Async<Result<Scheduled>> create(std::string type, boost::json::object values, Deadline deadline) override;
    Async<Result<Record>> update(std::string type, std::int64_t id, boost::json::object changes,
                                 Deadline deadline) override;
    Async<Result<void>> retry(std::int64_t process_id) override;
    Async<Result<void>> cancel(std::int64_t process_id, std::string why) override;
    Async<Result<boost::json::object>> explain(std::int64_t process_id) override;
    Async<Result<std::vector<LogicInfo>>> logic_of(std::string process) override;
    Async<Result<void>> run_task(std::string name) override;
    Async<Result<void>> serve(ServeOptions options) override;
    Async<Result<void>> stop_serving(Deadline deadline) override;

private:
    Core* core_ = nullptr;
    Tasks* tasks_ = nullptr;
};

/// Engine::retry, cancel and explain.
Async<Result<void>> retry_process(Core& core, std::int64_t id);
Async<Result<void>> cancel_process(Core& core, std::int64_t id, std::string why);
Async<Result<boost::json::object>> explain_process(Core& core, std::int64_t id);

/// The settings that the store holds, told to this server. Errors: those of the store.
Async<Result<void>> read_settings(Core& core);

}  // namespace drover::engine
