#include "agents.hpp"

#include <boost/json/serialize.hpp>

#include "dispatch.hpp"
#include "drover/json.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostRefused = 10'000;

/// As `Event` to a JSON value, for the event that carries it.
Result<json::value> inside(const Event& event) { return parse_json(to_json(event)); }

}  // namespace

std::shared_ptr<Agents::Agent> Agents::enter(std::int64_t agent, std::int64_t process) {
    const auto places = std::max<std::size_t>(1, core_.dispatcher->options().per_agent);
    const std::lock_guard lock(mutex_);
    auto& found = agents_[agent];
    if (!found) found = std::make_shared<Agent>(places);
    // As many again may wait; the others come back later and leave their place to processes of other agents.
    if (found->users >= 2 * found->most) {
        if (found->refused.size() < kMostRefused) found->refused.push_back(process);
        return nullptr;
    }
    ++found->users;
    return found;
}

/// The processes that may come again now. Requires: mutex_ is held.
std::vector<std::int64_t> Agents::next_of(Agent& agent) {
    std::vector<std::int64_t> next;
    // One more than fits: some have come again by themselves, or are another server's now.
    const auto room = 2 * agent.most - std::min(2 * agent.most, agent.users);
    while (next.size() < room + 1 && !agent.refused.empty()) {
        next.push_back(agent.refused.front());
        agent.refused.pop_front();
    }
    return next;
}

void Agents::leave(std::int64_t agent) {
    std::vector<std::int64_t> next;
    {
        const std::lock_guard lock(mutex_);
        const auto found = agents_.find(agent);
        if (found == agents_.end()) return;
        auto& its = *found->second;
        --its.users;
        next = next_of(its);
        if (its.users == 0 && its.refused.empty()) agents_.erase(found);
    }
    for (const auto process : next) core_.dispatcher->nudge(process);
}

void Agents::look_again() {
    std::vector<std::int64_t> next;
    {
        const std::lock_guard lock(mutex_);
        for (auto it = agents_.begin(); it != agents_.end();) {
            auto& its = *it->second;
            if (its.users < its.most)
                for (const auto process : next_of(its)) next.push_back(process);
            it = its.users == 0 && its.refused.empty() ? agents_.erase(it) : std::next(it);
        }
    }
    for (const auto process : next) core_.dispatcher->nudge(process);
}

Async<Result<Event>> Agents::call(std::int64_t agent, std::int64_t process, Event command,
                                  std::chrono::milliseconds timeout, int retries, Deadline deadline) {
    const auto places = enter(agent, process);
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
    options.timeout = timeout.count() > 0
                          ? timeout
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
    if (!answer)
        co_return Error(Errc::internal, "agent " + std::to_string(agent) + " answered " + name +
                                            " with what is no event: " + answer.error().message());
    Event observed = *answer;
    observed.name = with_suffix(name, ".reply");
    core_.outbox.send({}, std::move(observed));
    if (answer->transitioning == Transitioning::error) co_return event_error(*answer);
    co_return std::move(*answer);
}

}  // namespace drover::engine
