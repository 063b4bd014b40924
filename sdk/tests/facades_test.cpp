#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "drover/agents/connector.hpp"
#include "drover/engine/engine.hpp"
#include "drover/host/runtime.hpp"
#include "drover/sync.hpp"

// What stands between plugins: a call after stop is an error, an escaped exception is named, calls are counted.
namespace drover {
namespace {

using namespace std::chrono_literals;

/// A plugin's extension, which does as it is told.
class Extension final : public ModelExtension {
public:
    std::vector<Seed> seeds() override {
        if (throwing) throw std::runtime_error("no seeds today");
        return {{"account", {{"uuid", "admin"}}}};
    }
    std::vector<Logic> logic() override {
        Logic start;
        start.name = "Start";
        start.processes = {"instance.start"};
        start.priority = 7;
        start.call = [this](ProcessRunPtr) -> Async<Result<LogicResult>> { return run(); };
        Logic empty;
        empty.name = "Empty";
        return {start, empty};
    }
    std::vector<PeriodicTask> tasks() override {
        PeriodicTask task;
        task.name = "purge";
        task.call = [this]() -> Async<Result<void>> { return tick(); };
        return {task};
    }
    std::vector<CreateFilter> create_filters() override {
        CreateFilter filter;
        filter.types = {"container"};
        filter.on_update = true;
        filter.call = [](CreateRequest request) -> Async<Result<boost::json::object>> { return fill(request); };
        return {filter};
    }
    std::vector<ActionHandler> actions() override {
        ActionHandler action;
        action.type = "host";
        action.action = "ping";
        action.call = [](ActionRequest request) -> Async<Result<boost::json::value>> { return pong(request); };
        return {action};
    }
    Async<Result<LogicResult>> run() {
        ++entered;
        if (throwing) throw std::runtime_error("out of order");
        if (waiting) (void)co_await gate.wait();
        LogicResult result;
        result.data["a"] = "a text that is longer than what a string keeps inside of itself";
        co_return result;
    }
    Async<Result<void>> tick() {
        if (throwing) throw std::runtime_error("no tick");
        co_return ok;
    }
    static Async<Result<boost::json::object>> fill(CreateRequest request) {
        request.values["seen"] = request.type;
        co_return request.values;
    }
    static Async<Result<boost::json::value>> pong(ActionRequest request) { co_return boost::json::value(request.id); }

    std::atomic<int> entered{0};
    std::atomic<bool> throwing{false};
    std::atomic<bool> waiting{false};
    Gate gate;
};

class Connection final : public AgentConnection {
public:
    explicit Connection(std::atomic<bool>& alive) : alive_(alive) { alive_ = true; }
    ~Connection() override { alive_ = false; }
    Async<Result<Event>> call(Event command, std::chrono::milliseconds,
                              std::function<void(const Event&)> on_progress) override {
        on_progress(command);
        if (command.name == "throw") throw std::runtime_error("the wire is cut");
        command.name += ".reply";
        co_return command;
    }
    Async<Result<void>> close() override { co_return ok; }

private:
    std::atomic<bool>& alive_;
};

class Connector final : public AgentConnector {
public:
    std::vector<std::string> schemes() override { return {"sim"}; }
    Async<Result<std::shared_ptr<AgentConnection>>> open(AgentTarget agent, DeliverToAgent, Deadline) override {
        if (agent.uri == "sim://nothing") co_return std::shared_ptr<AgentConnection>();
        co_return std::make_shared<Connection>(alive);
    }
    std::atomic<bool> alive{false};
};

/// An engine that says back what it was asked.
class Echo final : public Engine {
public:
    std::shared_ptr<const Model> model() override { return nullptr; }
    std::string setting(std::string key) override {
        if (key == "throw") throw std::runtime_error("no settings");
        return "value of " + key;
    }
    std::vector<SettingValue> settings() override { return {{"a", "b", "Database", false}}; }
    Async<Result<void>> refresh_settings() override { co_return ok; }
    Async<Result<Scheduled>> schedule(ProcessRequest request, Deadline) override {
        Scheduled scheduled;
        scheduled.process_id = request.resource_id;
        co_return scheduled;
    }
    Async<Result<Scheduled>> create(std::string type, boost::json::object values, Deadline) override {
        co_return Error(Errc::conflict, type + boost::json::serialize(values)).with_detail("field", "name");
    }
    Async<Result<Record>> update(std::string, std::int64_t id, boost::json::object, Deadline) override {
        co_return Error(Errc::not_found, "no row " + std::to_string(id));
    }
    Async<Result<void>> retry(std::int64_t) override { co_return ok; }
    Async<Result<void>> cancel(std::int64_t, std::string why) override { co_return Error(Errc::conflict, why); }
    Async<Result<boost::json::object>> explain(std::int64_t id) override {
        co_return boost::json::object{{"process", id}};
    }
    Async<Result<std::vector<LogicInfo>>> logic_of(std::string process) override {
        LogicInfo info;
        info.name = process;
        co_return std::vector<LogicInfo>{info};
    }
    Async<Result<void>> run_task(std::string) override { throw std::runtime_error("no tasks"); }
    Async<Result<void>> serve(ServeOptions options) override {
        if (options.in_flight != 3) co_return Error(Errc::invalid, "not three");
        co_return ok;
    }
    Async<Result<void>> stop_serving(Deadline) override { co_return ok; }
};

class FacadesTest : public testing::Test {
protected:
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(runtime_.executor(), std::move(work), 20s);
    }
    std::shared_ptr<Binding> binding(const std::string& id) {
        return std::make_shared<Binding>(id, Logger(make_null_log_sink(), "test"), metrics_);
    }
    double failures(const std::string& id, const std::string& verb) {
        return metrics_
            .counter("drover_plugin_call_failures_total", "Calls into a plugin that ended in an escaped exception.",
                     {{"plugin", "cloud"}, {"interface", id}, {"verb", verb}})
            .value();
    }
    Deadline soon() { return Deadline::in(runtime_.clock(), 10s); }

    host::Runtime runtime_{2};
    Metrics metrics_;
};

template <class T>
void expect_error(const Result<T>& result, Errc code, std::string_view part) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), code) << result.error();
    EXPECT_NE(result.error().message().find(part), std::string::npos) << result.error();
}

constexpr auto kExtensionStopped = "drover.model-extension is not served now: plugin cloud is not running";

struct ModelExtensionFacade : FacadesTest {
    ModelExtensionFacade() { bound_->bind("cloud", static_cast<ModelExtension*>(&plugin_)); }
    Extension plugin_;
    std::shared_ptr<Binding> bound_ = binding("drover.model-extension");  // owners: this and the facade
    std::shared_ptr<ModelExtension> facade_ = make_facade<ModelExtension>(bound_);
};

TEST_F(ModelExtensionFacade, HandsTheListsOnAndCallsThrough) {
    EXPECT_EQ(facade_->seeds().size(), 1U);
    auto logic = facade_->logic();
    ASSERT_EQ(logic.size(), 2U);
    EXPECT_EQ(logic[0].name, "Start");
    EXPECT_EQ(logic[0].priority, 7);
    EXPECT_EQ(logic[0].processes, std::vector<std::string>{"instance.start"});
    for (int round = 0; round < 3; ++round) {
        const auto result = run(logic[0].call(nullptr));
        ASSERT_TRUE(result) << result.error();
        EXPECT_TRUE(result->data.contains("a"));
    }
    EXPECT_TRUE(run(facade_->tasks()[0].call()));
    auto filter = facade_->create_filters()[0];
    EXPECT_TRUE(filter.on_update);
    CreateRequest request;
    request.type = "container";
    request.values["image"] = "an image's name that does not fit into a small string";
    const auto filled = run(filter.call(request));
    ASSERT_TRUE(filled) << filled.error();
    EXPECT_EQ(filled->size(), 2U);
    ActionRequest ping;
    ping.id = 42;
    EXPECT_EQ(run(facade_->actions()[0].call(ping)).value(), boost::json::value(42));
    EXPECT_TRUE(run(facade_->agent_reported({}))) << "an extension need not care for reports";
    EXPECT_TRUE(bound_->idle());
}

TEST_F(ModelExtensionFacade, WhatItHandedOutIsRefusedOnceThePluginStopped) {
    const auto logic = facade_->logic();
    const auto tasks = facade_->tasks();
    const auto filters = facade_->create_filters();
    const auto actions = facade_->actions();
    bound_->unbind();
    expect_error(run(logic[0].call(nullptr)), Errc::unavailable, kExtensionStopped);
    expect_error(run(tasks[0].call()), Errc::unavailable, kExtensionStopped);
    expect_error(run(filters[0].call({})), Errc::unavailable, kExtensionStopped);
    expect_error(run(actions[0].call({})), Errc::unavailable, kExtensionStopped);
    expect_error(run(facade_->agent_reported({})), Errc::unavailable, kExtensionStopped);
    EXPECT_EQ(plugin_.entered, 0);
    try {
        (void)facade_->logic();
        FAIL() << "the lists of a stopped plugin were given";
    } catch (const CallFailed& failure) {
        EXPECT_EQ(failure.error().code(), Errc::unavailable);
        EXPECT_EQ(failure.error().message(), kExtensionStopped);
    }
}

TEST_F(ModelExtensionFacade, AnEscapedExceptionIsNamedCountedAndBecomesAnError) {
    const auto logic = facade_->logic();
    const auto tasks = facade_->tasks();
    plugin_.throwing = true;
    expect_error(run(logic[0].call(nullptr)), Errc::internal, "out of order");
    expect_error(run(tasks[0].call()), Errc::internal, "no tick");
    EXPECT_EQ(failures("drover.model-extension", "logic Start"), 1);
    EXPECT_EQ(failures("drover.model-extension", "task purge"), 1);
    expect_error(run(logic[1].call(nullptr)), Errc::internal, "bad_function_call");
    EXPECT_THROW((void)facade_->seeds(), CallFailed);
    EXPECT_EQ(failures("drover.model-extension", "seeds"), 1);
}

TEST_F(ModelExtensionFacade, LogicUnderWayCountsAsACallUntilItEnds) {
    plugin_.waiting = true;
    const auto logic = facade_->logic();
    TaskGroup tasks(runtime_.executor());
    OneShot<bool> ended;
    tasks.spawn("logic", [&]() -> Async<void> { ended.set((co_await logic[0].call(nullptr)).has_value()); });
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (plugin_.entered == 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_FALSE(bound_->idle());
    bound_->unbind();
    EXPECT_FALSE(bound_->idle()) << "it is still inside of the plugin";
    plugin_.gate.open();
    const auto result = run(ended.take(runtime_.clock(), soon()));
    ASSERT_TRUE(result) << result.error();
    EXPECT_TRUE(*result) << "what was begun may end";
    while (!bound_->idle() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    EXPECT_TRUE(bound_->idle());
}

struct AgentConnectorFacade : FacadesTest {
    AgentConnectorFacade() { bound_->bind("cloud", static_cast<AgentConnector*>(&plugin_)); }
    Result<std::shared_ptr<AgentConnection>> open(const std::string& uri) {
        AgentTarget target;
        target.uri = uri;
        return run(facade_->open(target, {}, soon()));
    }
    Connector plugin_;
    std::shared_ptr<Binding> bound_ = binding("drover.agent-connector");  // owners: this and the facade
    std::shared_ptr<AgentConnector> facade_ = make_facade<AgentConnector>(bound_);
};

TEST_F(AgentConnectorFacade, OpensConnectionsThatAreGuardedToo) {
    EXPECT_EQ(facade_->schemes(), std::vector<std::string>{"sim"});
    auto opened = open("sim://rack-1");
    ASSERT_TRUE(opened) << opened.error();
    Event command;
    command.name = "ping";
    int progress = 0;
    const auto reply = run((*opened)->call(command, 1s, [&](const Event&) { ++progress; }));
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->name, "ping.reply");
    EXPECT_EQ(progress, 1);
    command.name = "throw";
    expect_error(run((*opened)->call(command, 1s, [](const Event&) {})), Errc::internal, "the wire is cut");
    EXPECT_EQ(failures("drover.agent-connector", "call"), 1);
    EXPECT_TRUE(run((*opened)->close()));

    bound_->unbind();
    constexpr auto kStopped = "drover.agent-connector is not served now: plugin cloud is not running";
    expect_error(run((*opened)->call(command, 1s, [](const Event&) {})), Errc::unavailable, kStopped);
    expect_error(run((*opened)->close()), Errc::unavailable, kStopped);
    expect_error(open("sim://rack-1"), Errc::unavailable, kStopped);
    EXPECT_THROW((void)facade_->schemes(), CallFailed);
    opened = Error(Errc::cancelled, "given back");
    EXPECT_FALSE(plugin_.alive) << "the connection ends with its last user";
}

TEST_F(AgentConnectorFacade, NoConnectionAndNoErrorIsAMistakeOfThePlugin) {
    expect_error(open("sim://nothing"), Errc::internal, "cloud opened no connection and gave no error");
    EXPECT_EQ(failures("drover.agent-connector", "open"), 1);
}

struct EngineFacade : FacadesTest {
    EngineFacade() { bound_->bind("cloud", static_cast<Engine*>(&plugin_)); }
    Echo plugin_;
    std::shared_ptr<Binding> bound_ = binding("drover.engine");  // owners: this and the facade
    std::shared_ptr<Engine> facade_ = make_facade<Engine>(bound_);
};

TEST_F(EngineFacade, PassesEveryVerbOnWithWhatItWasGiven) {
    EXPECT_EQ(facade_->setting("a.b"), "value of a.b");
    EXPECT_EQ(facade_->settings().at(0).source, "Database");
    EXPECT_EQ(facade_->model(), nullptr);
    EXPECT_TRUE(run(facade_->refresh_settings()));
    ProcessRequest request;
    request.process = "instance.start";
    request.resource_id = 7;
    EXPECT_EQ(run(facade_->schedule(request, soon())).value().process_id, 7);
    const auto created = run(facade_->create("host", {{"a", 1}}, soon()));
    expect_error(created, Errc::conflict, R"(host{"a":1})");
    EXPECT_EQ(created.error().detail("field"), "name");
    expect_error(run(facade_->update("host", 9, {}, soon())), Errc::not_found, "no row 9");
    EXPECT_TRUE(run(facade_->retry(1)));
    expect_error(run(facade_->cancel(1, "the operator said so")), Errc::conflict, "the operator said so");
    EXPECT_EQ(run(facade_->explain(5)).value().at("process").as_int64(), 5);
    EXPECT_EQ(run(facade_->logic_of("instance.start")).value().at(0).name, "instance.start");
    ServeOptions options;
    options.in_flight = 3;
    EXPECT_TRUE(run(facade_->serve(options)));
    EXPECT_TRUE(run(facade_->stop_serving(soon())));
    expect_error(run(facade_->run_task("purge")), Errc::internal, "no tasks");
    EXPECT_EQ(failures("drover.engine", "run_task"), 1);
}

Async<Result<std::string>> read_setting(std::shared_ptr<Engine> engine, std::string key) {
    co_return engine->setting(key);
}

TEST_F(EngineFacade, AVerbThatAnswersAtOnceThrowsAnErrorThatCoroutinesPassOn) {
    expect_error(run(read_setting(facade_, "throw")), Errc::internal, "no settings");
    EXPECT_EQ(failures("drover.engine", "setting"), 1);
    bound_->unbind();
    constexpr auto kStopped = "drover.engine is not served now: plugin cloud is not running";
    expect_error(run(read_setting(facade_, "a")), Errc::unavailable, kStopped);
    EXPECT_THROW((void)facade_->settings(), CallFailed);
    EXPECT_THROW((void)facade_->model(), CallFailed);
    expect_error(run(facade_->retry(1)), Errc::unavailable, kStopped);
    expect_error(run(facade_->schedule({}, soon())), Errc::unavailable, kStopped);
}

TEST(LogicPhases, HaveNames) {
    EXPECT_EQ(to_string(LogicPhase::pre), "pre");
    EXPECT_EQ(to_string(LogicPhase::handler), "handler");
    EXPECT_EQ(to_string(LogicPhase::post), "post");
}

}  // namespace
}  // namespace drover
