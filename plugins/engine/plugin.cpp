// What every server with a model shares: requests written down, processes carried out, tasks, settings.
#include "drover/plugin.hpp"

#include "agents.hpp"
#include "attempt.hpp"
#include "drover/engine/extension.hpp"
#include "engine_service.hpp"
#include "external_handlers.hpp"
#include "roster.hpp"
#include "tasks.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto kSettingsEvery = 30s;

Async<Result<json::value>> done_null() { co_return json::value(nullptr); }

/// The engine's part in its own model.
class OwnExtension final : public ModelExtension {
public:
    void attach(Core* core, Tasks* tasks) {
        core_ = core;
        tasks_ = tasks;
    }
    std::vector<Logic> logic() override { return builtin_logic(); }
    std::vector<PeriodicTask> tasks() override { return own_tasks(*core_); }
    std::vector<ActionHandler> actions() override {
        return {action("processInstance", "retry",
                       [this](ActionRequest request) { return act(retry_process(*core_, request.id)); }),
                action("processInstance", "cancel",
                       [this](ActionRequest request) {
                           const auto* why = request.data.if_contains("reason");
                           return act(cancel_process(*core_, request.id,
                                                     why && why->is_string() ? std::string(why->get_string())
                                                                             : std::string("an operator ended it")));
                       }),
                action("task", "execute", [this](ActionRequest request) { return execute(request.id); })};
    }

private:
    using Call = std::function<Async<Result<json::value>>(ActionRequest)>;
    static ActionHandler action(std::string type, std::string name, Call call) {
        ActionHandler handler;
        handler.type = std::move(type);
        handler.action = std::move(name);
        handler.call = std::move(call);
        return handler;
    }
    static Async<Result<json::value>> act(Async<Result<void>> work) {
        auto did = co_await std::move(work);
        if (!did) co_return did.error();
        auto nothing = done_null();
        co_return co_await std::move(nothing);
    }
    Async<Result<json::value>> execute(std::int64_t id) {
        auto row = co_await core_->get("task", id, core_->soon());
        if (!row) co_return row.error();
        auto asking = act(tasks_->ask(std::string((*row)["name"].text())));
        co_return co_await std::move(asking);
    }

    Core* core_ = nullptr;
    Tasks* tasks_ = nullptr;
};

class EnginePlugin final : public Plugin {
public:
    explicit EnginePlugin(Context& context) : context_(context) {}

    std::vector<Offer> offers() override { return {offer<Engine>(service_), offer<ModelExtension>(extension_)}; }

    Result<void> start(Deadline deadline) override {
        auto model = Model::make(context_.resource_types(), context_.api_types(), context_.processes());
        if (!model) return model.error().in("the declarations of this composition's plugins");
        core_ = std::make_unique<Core>(context_);
        core_->model = *model;
        core_->roster = std::make_unique<Roster>(*core_);
        core_->agents = std::make_unique<Agents>(*core_);
        core_->externals = std::make_unique<Externals>(*core_);
        core_->dispatcher = std::make_unique<Dispatcher>(*core_);
        core_->outbox.on_handlers_changed = [externals = core_->externals.get()] { externals->changed(); };
        Events::Options options;
        options.server_id = core_->server;
        core_->events = std::make_unique<Events>(context_.get<EventBus>(), core_->clock, core_->background, core_->log,
                                                 std::move(options));
        extension_.attach(core_.get(), nullptr);
        auto extensions = context_.extensions<ModelExtension>();
        std::vector<PeriodicTask> tasks = extension_.tasks();
        for (auto& logic : extension_.logic()) core_->logic.add(context_.instance(), std::move(logic));
        std::vector<Seed> seeds;
        for (const auto& [instance, object] : extensions) {
            if (instance == context_.instance()) continue;
            for (auto& logic : object->logic()) core_->logic.add(instance, std::move(logic));
            for (auto& task : object->tasks()) tasks.push_back(std::move(task));
            for (auto& seed : object->seeds()) seeds.push_back(std::move(seed));
        }
        core_->logic.freeze(*core_->model);
        tasks_ = std::make_unique<Tasks>(*core_, std::move(tasks));
        extension_.attach(core_.get(), tasks_.get());
        service_.attach(core_.get(), tasks_.get());
        auto opened = block_on(context_.executor(), open(std::move(seeds), deadline), left(deadline));
        if (!opened) return opened;
        spawn("engine.members", [this] { return core_->roster->run(); });
        spawn("engine.outbox", [this] { return core_->outbox.run(*core_->events); });
        spawn("engine.externals", [this] { return core_->externals->run(); });
        spawn("engine.dispatch", [this] { return core_->dispatcher->run(); });
        spawn("engine.deadlines", [this] { return core_->dispatcher->watch_deadlines(); });
        spawn("engine.listen", [this] { return listen(false); });
        spawn("engine.listen-server", [this] { return listen(true); });
        spawn("engine.settings", [this] { return follow_settings(); });
        tasks_->start();
        return ok;
    }

    Result<void> drain(Deadline deadline) override {
        if (!core_) return ok;
        tasks_->serve(false);
        return block_on(context_.executor(), core_->dispatcher->stop(deadline), left(deadline));
    }

    Result<void> stop(Deadline deadline) override {
        if (!core_) return ok;
        core_->attempts.cancel();
        if (!core_->attempts.join(left(deadline)))
            context_.log().error("process logic ignores that the server stops", {});
        (void)block_on(
            context_.executor(),
            [](Tasks& tasks) -> Async<Result<void>> {
                auto giving = tasks.give_up_leads();
                co_await std::move(giving);
                co_return ok;
            }(*tasks_),
            std::min<std::chrono::milliseconds>(left(deadline), 2s));
        core_->events->close();
        core_->background.cancel();
        if (!core_->background.join(left(deadline)))
            return Error(Errc::timeout, "the engine's loops did not end in time");
        return ok;
    }

    Result<void> reconfigure(const Config&) override {
        if (core_) core_->settings.forget();
        return ok;
    }

private:
    std::chrono::milliseconds left(Deadline deadline) const {
        if (deadline.is_never()) return 60s;
        return std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock()));
    }

    void spawn(std::string name, std::function<Async<void>()> loop) {
        core_->background.spawn(std::move(name), std::move(loop));
    }

    Async<Result<void>> open(std::vector<Seed> seeds, Deadline deadline) {
        auto migrating = core_->store.migrate(context_.resource_types(), MigrateMode::apply, deadline);
        auto migrated = co_await std::move(migrating);
        if (!migrated) co_return migrated.error().in("the store's tables");
        for (const auto& seed : seeds) {
            auto planting = plant(seed);
            auto planted = co_await std::move(planting);
            if (!planted) co_return planted.error().in("the first rows of " + seed.type);
        }
        auto settings = read_settings(*core_);
        auto read = co_await std::move(settings);
        if (!read) co_return read.error();
        auto registering = tasks_->register_rows();
        auto registered = co_await std::move(registering);
        if (!registered) co_return registered.error();
        auto handlers = core_->externals->read();
        co_return co_await std::move(handlers);
    }

    Async<Result<void>> plant(Seed seed) {
        const auto* uuid = seed.values.if_contains("uuid");
        if (!uuid || !uuid->is_string()) co_return Error(Errc::invalid, "a first row has no uuid");
        const auto* api = core_->model->find(seed.type);
        const auto* type = api ? core_->model->resource(*api) : nullptr;
        if (!type) co_return Error(Errc::invalid, seed.type + " is no resource type");
        Query query;
        query.type = type->name;
        query.where.push_back({{"uuid", Op::eq, {Value(std::string_view(uuid->get_string()))}}});
        auto reading = core_->query(std::move(query), core_->soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        if (!page->rows.empty()) co_return ok;
        auto inserting = insert(*core_, seed.type, seed.values, {}, core_->soon());
        auto inserted = co_await std::move(inserting);
        // Another server that starts at the same moment made it.
        if (!inserted && inserted.error().code() != Errc::conflict) co_return inserted.error();
        co_return ok;
    }

    Async<void> follow_settings() {
        for (;;) {
            const auto slept = co_await sleep_for(core_->clock, kSettingsEvery);
            if (!slept) co_return;
            auto reading = read_settings(*core_);
            const auto read = co_await std::move(reading);
            if (!read && read.error().code() == Errc::cancelled) co_return;
        }
    }

    /// What other servers say: to all (`to_this_one` false), or to this one.
    Async<void> listen(bool to_this_one) {
        for (;;) {
            Result<EventSubscription> subscription = Error(Errc::unavailable, "not subscribed yet");
            if (to_this_one) {
                auto subscribing = core_->events->subscribe_server();
                subscription = co_await std::move(subscribing);
            } else {
                std::vector<std::string> names{"process.execute", "settings.change", "externalhandler.change",
                                               "api.change"};
                auto subscribing = core_->events->subscribe(std::move(names));
                subscription = co_await std::move(subscribing);
            }
            if (!subscription && subscription.error().code() == Errc::cancelled) co_return;
            while (subscription) {
                auto item = co_await subscription->next(core_->clock);
                if (!item && item.error().code() == Errc::cancelled) co_return;
                if (!item) break;
                if (const auto* event = std::get_if<Event>(&*item)) {
                    auto hearing = hear(*event);
                    co_await std::move(hearing);
                } else {
                    core_->dispatcher->sweep_now();
                    core_->externals->changed();
                    auto reading = read_settings(*core_);
                    (void)co_await std::move(reading);
                }
            }
            const auto slept = co_await sleep_for(core_->clock, 300ms);
            if (!slept) co_return;
        }
    }

    Async<void> hear(Event event) {
        const auto name = base_name(event.name);
        const auto text_of = [&](std::string_view key) {
            const auto* value = event.data.is_object() ? event.data.get_object().if_contains(key) : nullptr;
            return value && value->is_string() ? std::string(value->get_string()) : std::string();
        };
        if (name == "process.execute") {
            const auto* slot = event.data.is_object() ? event.data.get_object().if_contains("slot") : nullptr;
            if (slot && slot->is_int64()) core_->dispatcher->look(static_cast<int>(slot->get_int64()));
            else core_->dispatcher->sweep_now();
        } else if (name == "settings.change") {
            auto reading = read_settings(*core_);
            (void)co_await std::move(reading);
        } else if (name == "api.change") {
            const auto type = text_of("type");
            if (type == "setting" || type == "activeSetting") {
                auto reading = read_settings(*core_);
                (void)co_await std::move(reading);
            }
        } else if (name == "externalhandler.change") {
            core_->externals->changed();
        } else if (name == "execute.task") {
            tasks_->asked(text_of("name"));
        } else if (name == "process.cancel" || name == "process.explain") {
            const auto id = parse_row_id(event.resource_id);
            const auto attempt = id ? core_->dispatcher->attempt(*id) : nullptr;
            if (!attempt) co_return;
            if (name == "process.cancel") {
                // What the event says is true only when the store says so.
                auto row = co_await core_->get("processInstance", *id, core_->soon());
                if (row && !(*row)["endTime"].is_null()) attempt->cancelled();
                co_return;
            }
            const auto now = attempt->waits();
            auto reply = reply_to(event, new_uuid());
            reply.data = json::object{{"kind", now.kind}, {"sentence", now.sentence}, {"since", now.since}};
            auto publishing = core_->events->publish(std::move(reply));
            (void)co_await std::move(publishing);
        }
    }

    Context& context_;
    std::unique_ptr<Core> core_;
    std::unique_ptr<Tasks> tasks_;
    OwnExtension extension_;
    EngineService service_;
};

std::vector<Option> options() {
    std::vector<Option> all{
        duration("retry-initial", 1s,
                 "How long a process waits after its first failure; twice as long after each more.")
            .at_key("process.retry.initial")
            .live(),
        duration("retry-max", 5min, "The longest wait between two attempts at a process.")
            .at_key("process.retry.max")
            .live(),
        integer("retry-attempts", 10, 1, 1'000'000, "How often a process may fail before it is parked for an operator.")
            .at_key("process.retry.attempts")
            .live(),
        duration("attempt-timeout", 10min, "How long one attempt at a process may take before it is given up.")
            .at_key("process.attempt.timeout")
            .live(),
        integer("process-purge-after", 604'800, 0, INT64_MAX / 1'000,
                "How many seconds ended processes and their executions are kept.")
            .at_key("process.purge.after.seconds")
            .live(),
        integer("task-purge-after", 604'800, 0, INT64_MAX / 1'000, "How many seconds runs of tasks are kept.")
            .at_key("task.purge.after.seconds")
            .live(),
        integer("task-initial-delay", 15, 0, 86'400, "How many seconds after the start tasks run first, at most.")
            .at_key("task.initial.delay.seconds")
            .live(),
        text("task-schedules", "", "How many seconds pass between two runs of a task; empty: it is not run by itself.")
            .at_key("task.*.schedule")
            .live(),
        text("priorities", "0", "Priority of a process; greater ones go first.").at_key("process.*.priority").live(),
        text("activate-by-default", "", "Whether resources of a type are activated once they are created.")
            .at_key("activate.by.default.*")
            .live(),
        integer("remove-delay", 60, 0, INT64_MAX / 1'000,
                "How many seconds removed resources stay before they are purged.")
            .at_key("object.remove.time.delay.seconds")
            .live(),
        text("remove-delays", "", "The same for one type.").at_key("object.*.remove.time.delay.seconds").live(),
        integer("eventing-retry", 3, 0, 1'000, "How often an event that asks for a reply is sent.")
            .at_key("eventing.retry")
            .live(),
        integer("eventing-timeout", 15'000, 1, 86'400'000, "Milliseconds that a reply to an event is waited for.")
            .at_key("eventing.timeout.millis")
            .live(),
        integer("agent-retries", 3, 0, 1'000, "How often a command is sent to an agent that does not answer.")
            .at_key("agent.retries")
            .live(),
        integer("agent-timeout", 15'000, 1, 86'400'000,
                "Milliseconds that an agent's answer to a command is waited for.")
            .at_key("agent.timeout.millis")
            .live(),
    };
    return all;
}

}  // namespace
}  // namespace drover::engine

DROVER_PLUGIN("drover.engine", "0.1.0",
              {
                  .summary = "Writes requests down as processes and carries them out",
                  .provides = {drover::service<drover::Engine>()},
                  .needs = {drover::need<drover::Store>(), drover::need<drover::LockService>(),
                            drover::need<drover::EventBus>(), drover::need<drover::MembershipService>()},
                  .options = drover::engine::options(),
                  .resource_types = drover::engine::resource_types(),
                  .api_types = drover::engine::api_types(),
                  .processes = drover::engine::process_definitions(),
                  .extends = {drover::extension<drover::ModelExtension>()},
                  .collects = {drover::collect<drover::ModelExtension>()},
                  .create = [](const drover::Config&,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(new drover::engine::EnginePlugin(context));
                  },
              });
