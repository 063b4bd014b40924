#include "engine_service.hpp"

#include "dispatch.hpp"
#include "external_handlers.hpp"
#include "tasks.hpp"

namespace drover::engine {

Async<Result<void>> EngineService::refresh_settings() {
    auto reading = read_settings(*core_);
    auto read = co_await std::move(reading);
    Event told;
    told.name = "settings.change";
    core_->outbox.send({}, std::move(told));
    co_return read;
}

Async<Result<Scheduled>> EngineService::schedule(ProcessRequest request, Deadline deadline) {
    return engine::schedule(*core_, std::move(request), {}, deadline);
}

Async<Result<Scheduled>> EngineService::create(std::string type, boost::json::object values, Deadline deadline) {
    return engine::create(*core_, std::move(type), std::move(values), deadline);
}

Async<Result<Record>> EngineService::update(std::string type, std::int64_t id, boost::json::object changes,
                                            Deadline deadline) {
    return merge(*core_, std::move(type), id, std::move(changes), {}, deadline);
}

Async<Result<void>> EngineService::retry(std::int64_t process_id) { return retry_process(*core_, process_id); }

Async<Result<void>> EngineService::cancel(std::int64_t process_id, std::string why) {
    return cancel_process(*core_, process_id, std::move(why));
}

Async<Result<boost::json::object>> EngineService::explain(std::int64_t process_id) {
    return explain_process(*core_, process_id);
}

Async<Result<std::vector<LogicInfo>>> EngineService::logic_of(std::string process) {
    const auto* definition = core_->model->process(process);
    if (!definition) co_return Error(Errc::not_found, "there is no process " + process);
    auto reading = core_->externals->read();
    auto read = co_await std::move(reading);
    if (!read) co_return read.error();
    std::vector<LogicInfo> all;
    for (const auto phase : {LogicPhase::pre, LogicPhase::handler, LogicPhase::post}) {
        const auto list = core_->externals->merged(core_->logic.of(definition->name), definition->name, phase);
        for (const auto& piece : *list) all.push_back(piece->info);
    }
    co_return all;
}

Async<Result<void>> EngineService::run_task(std::string name) { return tasks_->ask(std::move(name)); }

Async<Result<void>> EngineService::serve(ServeOptions options) {
    auto serving = core_->dispatcher->serve(std::move(options));
    auto served = co_await std::move(serving);
    if (!served) co_return served.error();
    tasks_->serve(true);
    co_return ok;
}

Async<Result<void>> EngineService::stop_serving(Deadline deadline) {
    tasks_->serve(false);
    auto stopping = core_->dispatcher->stop(deadline);
    co_return co_await std::move(stopping);
}

}  // namespace drover::engine
