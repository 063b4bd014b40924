// Starting an instance: a place, its storage, the machine; and what follows when an agent or the allocator refuses.
#include "drover/events/events.hpp"
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

/// How often agents have refused to start the machine, in this process.
std::int64_t tries_of(ProcessRun& run) {
    const auto* counted = run.data().if_contains(kTryKey);
    return counted && counted->is_int64() ? counted->as_int64() : 0;
}

/// How often agents may refuse to start the machine: its own number, or the deployment's.
std::int64_t most_tries(const ProcessRun& run) {
    const auto data = data_of(run.resource());
    if (const auto* own = data.if_contains(kInstanceStartKey); own && own->is_object()) {
        const auto* tries = own->as_object().if_contains("computeTries");
        if (tries && tries->is_int64() && tries->as_int64() > 0) return tries->as_int64();
        if (tries && tries->is_string() && to_number(tries->as_string(), 0) > 0)
            return to_number(tries->as_string(), 0);
    }
    return number(run, "instance.compute.tries", 3);
}

/// Did this process begin as instance.create, so that a failed start takes the instance away again?
bool began_as_create(ProcessRun& run) {
    const auto* own = run.data().if_contains(kInstanceCreateKey);
    return own && own->is_object() && says_yes(own->as_object().if_contains("startOnCreate"));
}

/// What the user reads about the failure.
json::object failure_text(const ProcessRun& run, const Error& error) {
    std::string text(error.detail("transitioningMessage"));
    const std::string internal(error.detail("transitioningInternalMessage"));
    const bool blank = internal.find_first_not_of(" \t\r\n") == std::string::npos;
    if (flag(run, "api.show.transitioning.internal.message", true) && !blank) text += " : " + internal;
    if (text.empty()) return {{"transitioning", nullptr}, {"transitioningMessage", nullptr}};
    return {{"transitioning", "error"}, {"transitioningMessage", std::move(text)}};
}

/// The way out: the instance is stopped, or removed when it never ran. By that this process's state is gone, so it
/// ends; what the user is told stays.
Async<Result<LogicResult>> give_up(ProcessRunPtr run, Error why) {
    const std::string process = began_as_create(*run) ? "instance.remove" : "instance.stop";
    run->log().info("an instance cannot be started",
                    {{"instance", run->resource().id()}, {"then", process}, {"why", why.message()}});
    auto text = failure_text(*run, why);
    auto scheduled = co_await run->schedule(process, run->resource().id());
    if (!scheduled && scheduled.error().detail("state").empty()) co_return scheduled.error();
    co_return done(std::move(text));
}

/// Place and storage.
Async<Result<void>> prepare(ProcessRunPtr run) {
    const auto id = run->resource().id();
    auto allocated = co_await run->run("instance.allocate", id);
    if (!allocated) co_return allocated.error();
    auto volumes = co_await find_live(run, "volume", "instanceId", id);
    if (!volumes) co_return volumes.error();
    for (const auto& volume : *volumes) {
        if (volume["state"].text() == "requested") {
            auto created = co_await run->run("volume.create", volume.id());
            if (!created) co_return created.error();
        }
        auto active = co_await run->run("volume.activate", volume.id());
        if (!active) co_return active.error();
    }
    co_return ok;
}

/// The machine itself.
Async<Result<void>> compute(ProcessRunPtr run) {
    auto maps = co_await find_live(run, "instanceHostMap", "instanceId", run->resource().id());
    if (!maps) co_return maps.error();
    // Each try is a command of its own: an agent that remembers what it answered shall think again.
    json::object data;
    data[kTryKey] = tries_of(*run);
    co_return co_await run_each(run, "instancehostmap.activate", std::move(*maps), std::move(data));
}

Async<Result<LogicResult>> instance_start(ProcessRunPtr run) {
    auto prepared = co_await prepare(run);
    if (!prepared) {
        if (!is_event_error(prepared.error())) co_return prepared.error();
        auto giving_up = give_up(run, prepared.error());
        co_return co_await std::move(giving_up);
    }
    auto running = co_await compute(run);
    if (running) co_return done();
    if (!is_event_error(running.error())) co_return running.error();

    const auto tries = tries_of(*run) + 1;
    run->data()[kTryKey] = tries;
    auto saved = co_await run->save_data();
    if (!saved) co_return saved.error();
    if (tries < most_tries(*run)) co_return running.error();
    auto giving_up = give_up(run, running.error());
    co_return co_await std::move(giving_up);
}

}  // namespace

void add_start_logic(std::vector<Logic>& all) {
    all.push_back(handler("InstanceStart", {"instance.start"}, instance_start));
}

}  // namespace drover::cloud
