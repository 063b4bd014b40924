#include "connector.hpp"

namespace drover::event_agents {

namespace {

Error closed_error(std::int64_t agent) {
    return Error(Errc::unavailable, "the connection to agent " + std::to_string(agent) + " was closed");
}

class EventConnection final : public AgentConnection, public std::enable_shared_from_this<EventConnection> {
public:
    EventConnection(Context& context, std::int64_t agent, DeliverToAgent deliver)
        : tasks_(context.tasks()), agent_(agent), deliver_(std::move(deliver)) {}

    Async<Result<Event>> call(Event command, std::chrono::milliseconds timeout,
                              std::function<void(const Event&)> on_progress) override {
        const auto self = shared_from_this();
        const auto under_way = std::make_shared<Call>();  // owners: this call and its delivery
        std::uint64_t id = 0;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) co_return closed_error(agent_);
            id = next_++;
            calls_.emplace(id, under_way);
        }
        /// However the caller leaves, nothing is delivered for it any more.
        struct Leave {
            EventConnection& connection;
            std::uint64_t id;
            ~Leave() { connection.leave(id); }
        };
        const Leave leave{*this, id};
        // Delivered beside, so that closing can end the wait. The task holds the command no longer than until then.
        const auto held = std::make_shared<Event>(std::move(command));
        const bool begun = tasks_.spawn(
            "event.call", [self, under_way, timeout, held, on_progress = std::move(on_progress)](TaskHandle handle) {
                under_way->begin(handle);
                return run(self, under_way, std::move(*held), timeout, on_progress);
            });
        if (!begun) co_return closed_error(agent_);
        co_return co_await under_way->reply.take();
    }

    Async<Result<void>> close() override {
        const auto self = shared_from_this();
        std::unordered_map<std::uint64_t, std::shared_ptr<Call>> ended;
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
            ended.swap(calls_);
        }
        for (const auto& [id, call] : ended) {
            call->reply.set(closed_error(agent_));
            call->end();
        }
        co_return ok;
    }

private:
    struct Call {
        OneShot<Event> reply;
        std::mutex mutex;
        TaskHandle delivery;  // guarded by mutex; set once it began
        bool over = false;    // guarded by mutex

        void begin(const TaskHandle& handle) {
            const std::lock_guard lock(mutex);
            delivery = handle;
            if (over) delivery.cancel();
        }
        /// Afterwards nothing is told of its progress any more.
        void end() {
            const std::lock_guard lock(mutex);
            over = true;
            delivery.cancel();
        }
    };

    static Async<void> run(std::shared_ptr<EventConnection> self, std::shared_ptr<Call> call, Event command,
                           std::chrono::milliseconds timeout, std::function<void(const Event&)> on_progress) {
        const auto tell = [call, on_progress = std::move(on_progress)](const Event& progress) {
            const std::lock_guard lock(call->mutex);
            if (!call->over && on_progress) on_progress(progress);
        };
        auto delivering = self->deliver_(std::move(command), timeout, tell);
        call->reply.set(co_await std::move(delivering));
    }
    void leave(std::uint64_t id) {
        std::shared_ptr<Call> call;
        {
            const std::lock_guard lock(mutex_);
            const auto found = calls_.find(id);
            if (found == calls_.end()) return;
            call = found->second;
            calls_.erase(found);
        }
        call->end();
    }

    TaskGroup& tasks_;
    const std::int64_t agent_;
    const DeliverToAgent deliver_;
    std::mutex mutex_;
    bool closed_ = false;                                             // guarded by mutex_
    std::uint64_t next_ = 0;                                          // guarded by mutex_
    std::unordered_map<std::uint64_t, std::shared_ptr<Call>> calls_;  // guarded by mutex_
};

}  // namespace

Async<Result<std::shared_ptr<AgentConnection>>> EventConnector::open(AgentTarget agent, DeliverToAgent deliver,
                                                                     Deadline) {
    if (!deliver) co_return Error(Errc::invalid, "an agent that subscribes cannot be reached from here");
    co_return std::shared_ptr<AgentConnection>(
        std::make_shared<EventConnection>(context_, agent.id, std::move(deliver)));
}

}  // namespace drover::event_agents
