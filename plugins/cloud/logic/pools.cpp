// The first pool of a kind brings along the external one, by which images of that kind can be named.
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

constexpr const char* kSimExternal = "sim-ext-pool";

/// Finds or makes the external pool; its row, active or on its way.
Async<Result<Record>> external_pool(ProcessRunPtr run, std::string uuid, std::string kind, std::string name) {
    json::object values{{"kind", std::move(kind)}, {"name", std::move(name)}, {"external", true}};
    co_return co_await find_or_create(run, "storagePool", std::move(uuid), std::move(values));
}

Async<Result<LogicResult>> simulator_pool_create(ProcessRunPtr run) {
    const auto& pool = run->resource();
    if (pool["kind"].text() != "sim" || pool["uuid"].text() == kSimExternal || pool["external"].boolean())
        co_return nothing();
    auto external = co_await external_pool(run, kSimExternal, "sim", kSimExternal);
    if (!external) co_return external.error();
    const auto state = (*external)["state"].text();
    if (state != "requested" && state != "registering" && state != "activating") co_return nothing();
    // Images can be named as soon as the first simulated pool is there, so this waits for it.
    auto created = co_await run_shared(run, "storagepool.create", "storagePool", external->id(), "active");
    if (!created) co_return created.error();
    co_return nothing();
}

Async<Result<LogicResult>> docker_storage_pool_create(ProcessRunPtr run) {
    const auto& pool = run->resource();
    if (pool["kind"].text() != "docker" || pool["external"].boolean() ||
        !flag(*run, "docker.auto.create.external.pool", true))
        co_return nothing();
    std::vector<AnyOf> where{is("external", true), is("kind", "docker"), is_null("removed")};
    auto external = co_await find_one(run, "storagePool", std::move(where));
    if (!external) co_return external.error();
    if (!*external) {
        auto made = co_await external_pool(run, derived_uuid("storagePool docker external"), "docker", "Docker Index");
        if (!made) co_return made.error();
        *external = std::move(*made);
    }
    if ((**external)["state"].text() == "requested") {
        auto scheduled = co_await run->schedule("storagepool.create", (*external)->id());
        if (!scheduled && scheduled.error().code() != Errc::conflict) co_return scheduled.error();
    }
    co_return nothing();
}

}  // namespace

void add_pool_logic(std::vector<Logic>& all) {
    all.push_back(logic("DockerStoragePoolCreate", {"storagepool.create"}, LogicPhase::pre, kPrioritySpecific,
                        docker_storage_pool_create));
    all.push_back(handler("SimulatorPoolCreate", {"storagepool.create"}, simulator_pool_create, kPrioritySpecific));
}

}  // namespace drover::cloud
