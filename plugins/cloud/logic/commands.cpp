// Maps whose processes are commands: the agent of a pool or a host does something with what the map connects.
#include <algorithm>

#include "logic/all.hpp"
#include "payload.hpp"

namespace drover::cloud {
namespace {

/// Row versions of one map that a command's number has room for; ids take the rest up to 2^53, which is what
/// clients in any language read exactly.
constexpr int kVersionBits = 20;

/// Grows with every command about the same thing, also from one map of it to the next, so that an agent can refuse
/// what is older than what it has done.
std::int64_t command_version(const Record& map) {
    constexpr std::int64_t kMost = (std::int64_t{1} << kVersionBits) - 1;
    return (map.id() << kVersionBits) + std::min(map.version(), kMost);
}

Async<Result<LogicResult>> command(ProcessRunPtr run, std::string event, std::string end) {
    const std::string type = run->resource().type().name;
    const auto end_id = run->resource()[end + "Id"].integer();
    std::int64_t agent = 0;
    if (end_id != 0) {
        auto owner = co_await run->get(end, end_id);
        if (!owner && owner.error().code() != Errc::not_found) co_return owner.error();
        if (owner) agent = (*owner)["agentId"].integer();
    }
    // Nobody to ask, as for a pool that is only a name.
    if (agent == 0) co_return done({{"_noAgent", true}});

    auto parsed = parse_expression(run->setting("event.data." + type),
                                   [&run](std::string_view key) { return run->setting(key); });
    if (!parsed) co_return parsed.error();
    const auto expression = std::make_shared<const Expression>(std::move(*parsed));  // owners: this and the reader
    auto reader = PayloadReader::of(run);
    auto payload = co_await reader.read(run->resource(), expression);
    if (!payload) co_return payload.error();

    AgentCommand asked;
    asked.agent_id = agent;
    asked.name = std::move(event);
    asked.resource_type = type;
    asked.resource_id = run->resource().id();
    if (const auto* tried = run->data().if_contains(kTryKey); tried && tried->is_int64())
        asked.step = std::to_string(tried->as_int64());
    asked.data[type] = std::move(*payload);
    asked.data["version"] = command_version(run->resource());
    auto commanding = run->command(std::move(asked));
    auto reply = co_await std::move(commanding);
    if (!reply) co_return reply.error();
    json::object changes;
    if (reply->data.is_object()) changes = std::move(reply->data.as_object());
    co_return done(std::move(changes));
}

}  // namespace

void add_command_logic(std::vector<Logic>& all) {
    const auto add = [&](std::string name, std::string process, std::string event, std::string end) {
        all.push_back(handler(std::move(name), {std::move(process)},
                              [event, end](ProcessRunPtr run) { return command(std::move(run), event, end); }));
    };
    add("ImageStoragePoolMapActivate", "imagestoragepoolmap.activate", "storage.image.activate", "storagePool");
    add("ImageStoragePoolMapDeactivate", "imagestoragepoolmap.deactivate", "storage.image.deactivate", "storagePool");
    add("VolumeStoragePoolMapActivate", "volumestoragepoolmap.activate", "storage.volume.activate", "storagePool");
    add("VolumeStoragePoolMapDeactivate", "volumestoragepoolmap.deactivate", "storage.volume.deactivate",
        "storagePool");
    add("VolumeStoragePoolMapRemove", "volumestoragepoolmap.remove", "storage.volume.remove", "storagePool");
    add("InstanceHostMapActivate", "instancehostmap.activate", "compute.instance.activate", "host");
    add("InstanceHostMapDeactivate", "instancehostmap.deactivate", "compute.instance.deactivate", "host");
}

}  // namespace drover::cloud
