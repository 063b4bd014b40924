// Logic of every type's create, remove and restore.
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

Async<Result<LogicResult>> activate_by_default(ProcessRunPtr run) {
    auto result = done();
    result.delegate = flag(*run, "activate.by.default." + run->process().resource_type, false);
    co_return result;
}

Async<Result<LogicResult>> set_removed_fields(ProcessRunPtr run) {
    const auto& record = run->resource();
    if (!record.type().find("removed") || !record.type().find("removeTime")) co_return nothing();
    const auto now = now_millis(run->clock());
    auto seconds = number(*run, "object.remove.time.delay.seconds", 60);
    seconds = number(*run, "object." + run->process().resource_type + ".remove.time.delay.seconds", seconds);
    // What stands there stays, so that a second run does not give the row more time.
    json::object data;
    data["removed"] = record["removed"].integer(now);
    data["removeTime"] = record["removeTime"].integer(now + seconds * 1'000);
    co_return done(std::move(data));
}

Async<Result<LogicResult>> clear_removed_fields(ProcessRunPtr run) {
    if (!run->resource().type().find("removed")) co_return nothing();
    co_return done({{"removed", nullptr}, {"removeTime", nullptr}});
}

}  // namespace

void add_generic_logic(std::vector<Logic>& all) {
    const auto listener = [&](std::string name, std::string process, LogicCall call) {
        all.push_back(
            logic(std::move(name), {std::move(process)}, LogicPhase::post, kPriorityDefault, std::move(call)));
    };
    listener("ActivateByDefault", "*.create", activate_by_default);
    listener("SetRemovedFields", "*.remove", set_removed_fields);
    listener("ClearRemovedFields", "*.restore", clear_removed_fields);
}

}  // namespace drover::cloud
