#include "agents.hpp"

#include <boost/json/serialize.hpp>

#include "dispatch.hpp"
#include "drover/json.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

/// As `Event` to a JSON value, for the event that carries it.
Result<json::value> inside(const Event& event) { return parse_json(to_json(event)); }

}  // namespace

std::shared_ptr<Agents::Agent> Agents::enter(std::int64_t agent) {
    const auto places = std::max<std::size_t>(1, core_.dispatcher->options().per_agent);
    const std::lock_guard lock(mutex_);
    auto& found = agents_[agent];
    if (!found) found = std::make_shared<Agent>(places);
    // As many again may wait; the others come back later and leave their place to processes of other agents.
    if (found->users >= 2 * found->most) return nullptr;
    ++found->users;
    return found;
}

void Agents::leave(std::int64_t agent) {
    const std::lock_guard lock(mutex_);
    const auto found = agents_.find(agent);
    if (found != agents_.end() && --found->second->users == 0) agents_.erase(found);
}

Async<Result<Event>> Agents::call(std::int64_t agent, Event command, std::chrono::milliseconds timeout, int retries,
                                  Deadline deadline) {
    const auto places = enter(agent);
    if (!places)
        co_return Error(Errc::exhausted, "agent " + std::to_string(agent) + " has as many commands waiting as it may");
    struct Leaving {
        Agents& agents;
        std::int64_t agent;
        ~Leaving() { agents.leave(agent); }
    };
    const Leaving leaving{*this, agent};
    auto permit = co_await places->free.acquire(core_.clock, deadline);
    if (!permit) co_return permit.error();

    RequestOptions options;
    options.timeout = timeout.count() > 0 ? timeout
                                          : std::chrono::milliseconds(core_.settings.integer("agent.timeout.millis", 15'000));
    options.retries = retries >= 0 ? retries : static_cast<int>(core_.settings.integer("agent.retries", 3));
    const auto name = command.name;
    command.timeout_millis = options.timeout.count();
    auto carried = inside(command);
    if (!carried) co_return carried.error();
    Event outer;
    outer.name = "agent.request";
    outer.resource_type = "agent";
    outer.resource_id = std::to_string(agent);
    outer.context = command.context;
    outer.data = std::move(*carried);
    auto requesting = core_.events->request(std::move(outer), std::move(options));
    auto reply = co_await std::move(requesting);
    if (!reply) co_return reply.error();
    if (!reply->data.is_object()) co_return std::move(*reply);
    auto answer = parse_event(json::serialize(reply->data));
    if (!answer) co_return Error(Errc::internal, "agent " + std::to_string(agent) + " answered " + name +
                                                     " with what is no event: " + answer.error().message());
    Event observed = *answer;
    observed.name = with_suffix(name, ".reply");
    core_.outbox.send({}, std::move(observed));
    if (answer->transitioning == Transitioning::error) co_return event_error(*answer);
    co_return std::move(*answer);
}

}  // namespace drover::engine
