#include "connector.hpp"

#include <boost/json.hpp>

#include <random>

#include "drover/model/model.hpp"

namespace drover::simulator {

namespace json = boost::json;

namespace {

double random_share() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(random);
}

Error closed_error(const std::string& uuid) {
    return Error(Errc::unavailable, "the connection to the simulated agent " + uuid + " was closed");
}

class SimulatedAgent final : public AgentConnection, public std::enable_shared_from_this<SimulatedAgent> {
public:
    SimulatedAgent(Simulator::Shared& shared, std::int64_t id, std::string uuid, const Behaviour& behaviour)
        : shared_(shared), id_(id), uuid_(std::move(uuid)), behaviour_(behaviour) {}

    Async<Result<Event>> call(Event command, std::chrono::milliseconds timeout,
                              std::function<void(const Event&)>) override {
        const auto self = shared_from_this();
        const std::string name(base_name(command.name));
        const bool ping = name == "ping";
        if (!ping && behaviour_.busy_rate > 0 && random_share() < behaviour_.busy_rate) {
            shared_.busy.add();
            co_return Error(Errc::exhausted, "the simulated agent " + uuid_ + " is busy");
        }
        const auto deadline = Deadline::in(shared_.clock, timeout);
        auto waited = co_await take_time(deadline);
        if (!waited) co_return waited.error();
        auto reply = reply_to(command, new_uuid());
        reply.time = shared_.clock.wall();
        if (to_json(command).find(name + "::fail") != std::string::npos) {
            shared_.failed.add();
            co_return failed(std::move(reply), "Failing [" + name + "]");
        }
        if (ping) {
            reply.data = ping_data(command);
            co_return reply;
        }
        // What it has carried out it answers again from memory, and never does twice.
        if (shared_.carried_out.contains(id_, command.id)) {
            shared_.repeated.add();
        } else if (behaviour_.failure_rate > 0 && random_share() < behaviour_.failure_rate) {
            shared_.failed.add();
            co_return failed(std::move(reply), "Simulated failure of " + name);
        } else if (shared_.carried_out.add(id_, command.id)) {
            shared_.commands.add();
        } else {
            shared_.repeated.add();
        }
        reply.data = json::object{};
        co_return reply;
    }

    Async<Result<void>> close() override {
        const auto self = shared_from_this();
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (closing_) closing_->open();
        co_return ok;
    }

private:
    /// What an answer takes, but no longer than the caller waits.
    Async<Result<void>> take_time(Deadline deadline) {
        const auto self = shared_from_this();
        std::shared_ptr<Gate> closing;  // owners: the agent and its calls under way
        Duration time = behaviour_.latency;
        if (behaviour_.jitter.count() > 0)
            time += std::chrono::duration_cast<Duration>(behaviour_.jitter * random_share());
        {
            const std::lock_guard lock(mutex_);
            if (closed_) co_return closed_error(uuid_);
            if (time.count() <= 0) co_return ok;
            if (!closing_) closing_ = std::make_shared<Gate>();
            closing = closing_;
        }
        const auto over = Deadline::in(shared_.clock, time);
        const auto closed = co_await closing->wait(shared_.clock, over.earlier(deadline));
        if (closed) co_return closed_error(uuid_);
        if (closed.error().code() != Errc::timeout) co_return closed.error();
        if (over.at() <= deadline.at()) co_return ok;
        co_return Error(Errc::timeout, "the simulated agent " + uuid_ + " did not answer in time");
    }

    static Event failed(Event reply, std::string why) {
        reply.transitioning = Transitioning::error;
        reply.transitioning_message = std::move(why);
        return reply;
    }

    json::value ping_data(const Event& ping) const {
        json::object data = ping.data.is_object() ? ping.data.get_object() : json::object{};
        json::array resources;
        const auto* options = data.if_contains("options");
        const auto* wanted = options && options->is_object() ? options->get_object().if_contains("resources") : nullptr;
        if (wanted && wanted->is_bool() && wanted->get_bool()) {
            for (std::int64_t host = 0; host < behaviour_.hosts; ++host) {
                const auto host_uuid = uuid_ + "-" + std::to_string(host);
                for (std::int64_t pool = 0; pool < behaviour_.pools_per_host; ++pool)
                    resources.push_back(json::object{{"uuid", host_uuid + "-" + std::to_string(pool)},
                                                     {"kind", "sim"},
                                                     {"type", "storagePool"},
                                                     {"hostUuid", host_uuid}});
                resources.push_back(json::object{{"uuid", host_uuid}, {"kind", "sim"}, {"type", "host"}});
            }
        }
        data["resources"] = std::move(resources);
        return data;
    }

    Simulator::Shared& shared_;
    const std::int64_t id_;
    const std::string uuid_;
    const Behaviour behaviour_;
    std::mutex mutex_;
    bool closed_ = false;            // guarded by mutex_
    std::shared_ptr<Gate> closing_;  // guarded by mutex_; made when an answer takes time
};

}  // namespace

Simulator::Simulator(Context& context, Behaviour behaviour, std::size_t remembered)
    : behaviour_(behaviour),
      shared_{
          context.clock(),
          CarriedOut(remembered),
          context.metrics().counter("drover_simulator_commands_total", "Commands that simulated agents carried out."),
          context.metrics().counter("drover_simulator_repeated_total",
                                    "Commands that simulated agents had carried out before."),
          context.metrics().counter("drover_simulator_failed_total",
                                    "Commands that simulated agents answered with an error."),
          context.metrics().counter("drover_simulator_busy_total",
                                    "Commands for which simulated agents had no time.")} {}

Async<Result<std::shared_ptr<AgentConnection>>> Simulator::open(AgentTarget agent, DeliverToAgent, Deadline) {
    const auto behaviour = behaviour_of(behaviour_, agent.uri, agent.data);
    if (!behaviour) co_return behaviour.error();
    co_return std::shared_ptr<AgentConnection>(
        std::make_shared<SimulatedAgent>(shared_, agent.id, agent.uuid, *behaviour));
}

}  // namespace drover::simulator
