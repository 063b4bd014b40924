// What processes want of agents: agent.request and agent.close.
#include <boost/json/serialize.hpp>

#include <charconv>

#include "drover/json.hpp"
#include "drover/model/model.hpp"
#include "drover/services/store.hpp"
#include "fleet.hpp"

namespace drover::roles {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kDefaultTimeout = 15s;
constexpr auto kReadWithin = 5s;
constexpr Duration kFirstWait = 20ms;
constexpr Duration kLongestWait = 1s;

std::optional<std::int64_t> agent_of(const Event& request) {
    std::int64_t id = 0;
    const auto& text = request.resource_id;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), id);
    if (request.resource_type != "agent" || read.ec != std::errc() || read.ptr != text.data() + text.size() || id <= 0)
        return std::nullopt;
    return id;
}

}  // namespace

Async<void> Fleet::read(EventSubscription requests) {
    for (;;) {
        auto item = co_await requests.next(clock_);
        if (!item) co_return;
        auto* const event = std::get_if<Event>(&*item);
        if (!event) continue;  // what was lost is asked for again
        std::size_t under_way = 0;
        {
            const std::lock_guard lock(mutex_);
            if (draining_) continue;
            under_way = requests_.size();
        }
        if (under_way >= options_.under_way) {
            count("overload");
            continue;
        }
        const auto request = std::make_shared<Request>();
        request->event = std::move(*event);
        tasks_.spawn("agents.request", [this, request] { return take(request); });
    }
}

Async<void> Fleet::take(RequestPtr request) {
    const auto id = request->event.id;
    {
        // Its sender did not get the answer yet and asks again: one of them is enough.
        const std::lock_guard lock(mutex_);
        const auto [at, first] = requests_.emplace(id, false);
        if (!first) {
            at->second = true;
            co_return;
        }
    }
    struct Leave {
        Fleet& fleet;
        const std::string& id;
        ~Leave() {
            const std::lock_guard lock(fleet.mutex_);
            fleet.requests_.erase(id);
        }
    };
    const Leave leave{*this, id};
    if (request->event.name == "agent.close") {
        auto closed = co_await close_agent(request);
        if (!closed) log_.debug("an agent was not closed", {{"agent", request->event.resource_id}});
        co_return;
    }
    for (;;) {
        const auto done = co_await answer(request);
        if (done && *done) co_return;
        if (!done && done.error().code() == Errc::cancelled) co_return;
        const std::lock_guard lock(mutex_);
        auto& again = requests_.at(id);
        if (!again) co_return;
        again = false;
    }
}

Async<Result<AgentRow>> Fleet::row(std::int64_t agent) {
    auto& store = context_.get<Store>();
    auto reading = store.get("agent", agent, Consistency::primary(), Deadline::in(clock_, kReadWithin));
    const auto record = co_await std::move(reading);
    if (!record) co_return record.error();
    co_return AgentRow::of(*record);
}

Result<void> Fleet::read_command(Request& request) {
    if (request.command) return ok;
    auto command = parse_event(json::serialize(request.event.data));
    if (!command) return command.error().in("the command is no event");
    request.event.data = nullptr;
    if (command->id.empty()) command->id = new_uuid();
    if (!command->timeout_millis) command->timeout_millis = request.event.timeout_millis;
    if (!command->timeout_millis) command->timeout_millis = kDefaultTimeout.count();
    command->name = std::string(base_name(command->name));
    command->reply_to = with_suffix(command->name, ".reply");
    request.command = std::move(*command);
    return ok;
}

Async<Result<bool>> Fleet::answer(RequestPtr request) {
    const auto begun = clock_.now();
    const auto id = agent_of(request->event);
    if (!id) co_return true;
    auto agent = co_await row(*id);
    if (!agent) {
        if (agent.error().code() != Errc::not_found) co_return agent.error();
        // Whose it was cannot be known any more; any server may say that it is gone.
        auto refused = co_await refuse(request, "agent " + request->event.resource_id + " does not exist");
        if (!refused) co_return refused.error();
        co_return true;
    }
    const auto owned = co_await groups_.owns(agent->group);
    if (!owned) co_return owned.error();
    if (!*owned) co_return true;
    if (!agent->takes_commands()) {
        count("dropped");
        if (agent->removed || agent->state == "removed" || agent->state == "removing" || agent->state == "purged") {
            auto refused = co_await refuse(request, "agent " + request->event.resource_id + " is " + agent->state);
            if (!refused) co_return refused.error();
        }
        co_return true;
    }
    if (auto read = read_command(*request); !read) {
        auto refused = co_await refuse(request, read.error().message());
        if (!refused) co_return refused.error();
        co_return true;
    }
    auto executing = execute(std::move(*agent), begun, request);
    auto answered = co_await std::move(executing);
    latency_.observe(std::chrono::duration<double>(clock_.now() - begun).count());
    if (!answered) {
        const auto code = answered.error().code();
        count(std::string(to_string(code)));
        if (code == Errc::invalid) {
            auto refused = co_await refuse(request, answered.error().describe());
            if (!refused) co_return refused.error();
            co_return true;
        }
        log_.debug("an agent gave no answer", {{"agent", *id}, {"why", answered.error().message()}});
        co_return answered.error();
    }
    count(answered->transitioning == Transitioning::error ? "refused" : "done");
    auto replying = reply(request, std::move(*answered));
    auto replied = co_await std::move(replying);
    if (!replied) co_return replied.error();
    co_return true;
}

Async<Result<Event>> Fleet::execute(AgentRow agent, TimePoint known_at, RequestPtr request) {
    const auto& command = *request->command;
    // For observers; the agent gets its own.
    Event observed = command;
    auto publishing = events_->publish(std::move(observed));
    const auto published = co_await std::move(publishing);
    if (!published && published.error().code() == Errc::invalid) co_return published.error();

    const auto timeout = std::chrono::milliseconds(std::max<std::int64_t>(1, *command.timeout_millis));
    const auto deadline = Deadline::in(clock_, timeout);
    for (Duration wait = kFirstWait;; wait = std::min<Duration>(wait * 2, kLongestWait)) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left(clock_));
        std::function<void(const Event&)> on_progress = [this, request](const Event& progress) {
            tasks_.spawn("agents.progress", [this, request, progress] { return tell_progress(request, progress); });
        };
        auto calling = call(agent.target, known_at, command, left, std::move(on_progress));
        auto reply = co_await std::move(calling);
        if (reply) co_return reply;
        const auto code = reply.error().code();
        if (code != Errc::exhausted && code != Errc::unavailable) co_return reply;
        if (clock_.now() + wait >= deadline.at()) co_return reply;
        auto slept = co_await sleep_for(clock_, wait);
        if (!slept) co_return slept.error();
    }
}

Async<Result<void>> Fleet::reply(RequestPtr request, Event answered) {
    if (request->event.reply_to.empty()) co_return ok;
    auto outer = reply_to(request->event, new_uuid());
    outer.transitioning = answered.transitioning;
    outer.transitioning_message = answered.transitioning_message;
    outer.transitioning_internal_message = answered.transitioning_internal_message;
    outer.transitioning_progress = answered.transitioning_progress;
    auto carried = parse_json(to_json(answered), kDeepestEvent);
    if (!carried) co_return carried.error();
    outer.data = std::move(*carried);
    auto publishing = events_->publish(std::move(outer));
    auto published = co_await std::move(publishing);
    if (published || published.error().code() != Errc::invalid) co_return published;
    // Too large to be carried: the one who asked is told so, instead of being left to wait.
    co_return co_await refuse(request, published.error().message());
}

Async<Result<void>> Fleet::refuse(RequestPtr request, std::string why) {
    if (request->event.reply_to.empty()) co_return ok;
    auto outer = reply_to(request->event, new_uuid());
    outer.transitioning = Transitioning::error;
    outer.transitioning_internal_message = std::move(why);
    auto publishing = events_->publish(std::move(outer));
    co_return co_await std::move(publishing);
}

Async<void> Fleet::tell_progress(RequestPtr request, Event progress) {
    auto replying = reply(request, std::move(progress));
    const auto told = co_await std::move(replying);
    if (!told) log_.debug("progress of an agent's command could not be told");
}

Async<Result<void>> Fleet::close_agent(RequestPtr request) {
    const auto id = agent_of(request->event);
    if (!id) co_return ok;
    const auto agent = co_await row(*id);
    if (agent) {
        const auto owned = co_await groups_.owns(agent->group);
        if (!owned) co_return owned.error();
        if (!*owned) co_return ok;
    } else if (agent.error().code() != Errc::not_found) {
        co_return agent.error();
    }
    EntryPtr entry;
    ConnectionPtr connection;
    {
        const std::lock_guard lock(mutex_);
        closed_[*id] = clock_.now();
        const auto found = entries_.find(*id);
        if (found != entries_.end()) {
            entry = found->second;
            connection = entry->connection;
            entries_.erase(found);
        }
    }
    if (connection) {
        auto dropping = drop(entry, connection);
        auto dropped = co_await std::move(dropping);
        if (!dropped && dropped.error().code() == Errc::cancelled) co_return dropped;
    }
    if (request->event.reply_to.empty()) co_return ok;
    auto outer = reply_to(request->event, new_uuid());
    auto publishing = events_->publish(std::move(outer));
    co_return co_await std::move(publishing);
}

}  // namespace drover::roles
