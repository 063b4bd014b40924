#include "engine_world.hpp"

#include <unistd.h>

namespace drover::engine_tests {

namespace json = boost::json;

namespace {
constexpr auto kVerb = 30s;
}

std::vector<ResourceType> ThingPlugin::resource_types() {
    ResourceType thing;
    thing.name = "thing";
    thing.fields = standard_fields(
        {text_field("allocationState"), integer_field("number"), reference_field("partnerId", "thing")});
    return {thing};
}

std::vector<ApiType> ThingPlugin::api_types() {
    ApiType thing;
    thing.name = "thing";
    ApiField greeting;
    greeting.name = "greeting";
    greeting.type = "string";
    thing.fields = {greeting};
    ApiType gadget;
    gadget.name = "gadget";
    gadget.base = "thing";
    ApiField color;
    color.name = "color";
    color.type = "string";
    color.fallback = "grey";
    gadget.fields = {color};
    return {thing, gadget};
}

std::vector<ProcessDefinition> ThingPlugin::processes() {
    auto all = generic_processes("thing");
    ProcessDefinition work;
    work.name = "thing.work";
    work.resource_type = "thing";
    work.changes = {{{"active"}, "working", "active"}};
    all.push_back(work);
    ProcessDefinition allocate;
    allocate.name = "thing.allocate";
    allocate.resource_type = "thing";
    allocate.state_field = "allocationState";
    allocate.changes = {{{"none"}, "allocating", "allocated"}};
    all.push_back(allocate);
    ProcessDefinition urgent = work;
    urgent.name = "thing.urgent";
    urgent.priority = 100;
    all.push_back(urgent);
    return all;
}

void ThingPlugin::on(std::string process, Call call, LogicPhase phase, int priority, std::string name) {
    Logic logic;
    logic.name = std::move(name);
    logic.processes = {std::move(process)};
    logic.phase = phase;
    logic.priority = priority;
    logic.call = std::move(call);
    logic_.push_back(std::move(logic));
}

/// A server's clock: the real one, until it is frozen. What came due meanwhile fires when it is thawed.
class EngineWorld::FreezableClock final : public Clock {
public:
    explicit FreezableClock(Clock& real) : shared_(std::make_shared<Shared>(real)) {}
    TimePoint now() const override {
        const std::lock_guard lock(shared_->mutex);
        return shared_->frozen ? *shared_->frozen : shared_->real.now();
    }
    WallTime wall() const override { return shared_->real.wall(); }
    TimerId call_at(TimePoint when, std::function<void()> fire) override {
        return shared_->real.call_at(when, [shared = shared_, fire = std::move(fire)] {
            {
                const std::lock_guard lock(shared->mutex);
                if (shared->frozen) {
                    shared->late.push_back(fire);
                    return;
                }
            }
            fire();
        });
    }
    void cancel(TimerId timer) override { shared_->real.cancel(timer); }
    void freeze() {
        const std::lock_guard lock(shared_->mutex);
        if (!shared_->frozen) shared_->frozen = shared_->real.now();
    }
    void thaw() {
        std::vector<std::function<void()>> late;
        {
            const std::lock_guard lock(shared_->mutex);
            shared_->frozen.reset();
            late.swap(shared_->late);
        }
        for (const auto& fire : late) fire();
    }

private:
    struct Shared {
        explicit Shared(Clock& with) : real(with) {}
        Clock& real;
        mutable std::mutex mutex;
        std::optional<TimePoint> frozen;          // guarded by mutex
        std::vector<std::function<void()>> late;  // guarded by mutex
    };
    std::shared_ptr<Shared> shared_;  // owners: this and timers that fire
};

struct EngineWorld::Server {
    Server(Clock& real, std::string server_id) : clock(real), id(std::move(server_id)) {}
    FreezableClock clock;
    Metrics metrics;
    const std::string id;
    std::unique_ptr<host::Instance> backend;
    std::unique_ptr<host::Instance> engine;
    std::shared_ptr<Binding> things;         // owners: this and the facade
    std::shared_ptr<ModelExtension> facade;  // owners: this and the engine

    template <class Interface>
    std::shared_ptr<void> of(host::Instance& instance) {
        for (const auto& service : instance.services())
            if (service.declared.id == Interface::kId) return service.facade;
        throw std::runtime_error(instance.name() + " does not provide " + std::string(Interface::kId));
    }
};

EngineWorld::EngineWorld(std::string store, const std::string& under)
    : runtime_(std::make_unique<host::Runtime>(2)), store_name_(std::move(store)) {
    const auto parent = under.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(under);
    auto pattern = (parent / "drover-engine-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder: " + pattern);
    folder_ = pattern;
    set("process.retry.initial", "20ms");
    set("process.retry.max", "200ms");
    set("task.initial.delay.seconds", "0");
    store_server_ = std::make_unique<Server>(runtime_->clock(), "store");
    std::map<std::string, std::string> options;
    if (store_name_ == "memory") options["world"] = folder_ + "/store";
    store_server_->backend = load(store_name_ + ".so", store_name_, options, *store_server_, nullptr);
    begin(*store_server_->backend);
    store_ = static_cast<Store*>(store_server_->of<Store>(*store_server_->backend).get());
}

EngineWorld::~EngineWorld() {
    while (!servers_.empty()) stop(servers_.begin()->first);
    end(*store_server_->backend);
    retired_.clear();
    store_server_.reset();
    runtime_.reset();
    std::filesystem::remove_all(folder_);
}

void EngineWorld::set(std::string key, std::string value) {
    const std::lock_guard lock(mutex_);
    settings_[std::move(key)] = std::move(value);
}

std::unique_ptr<host::Instance> EngineWorld::load(const std::string& library, const std::string& name,
                                                  std::map<std::string, std::string> options, Server& server,
                                                  const std::function<void(host::Instance&)>& connect) {
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    auto loaded = host::Library::load(self.parent_path().parent_path() / "lib/drover/plugins" / library, {});
    if (!loaded) throw std::runtime_error(loaded.error().describe());
    auto config = Config::make((*loaded)->descriptor().options, options);
    if (!config) throw std::runtime_error(config.error().describe());
    std::vector<ResourceType> types;
    std::vector<ApiType> api;
    std::vector<ProcessDefinition> processes;
    if (name == "engine") {
        types = (*loaded)->descriptor().resource_types;
        api = (*loaded)->descriptor().api_types;
        processes = (*loaded)->descriptor().processes;
        for (auto& type : ThingPlugin::resource_types()) types.push_back(type);
        for (auto& type : ThingPlugin::api_types()) api.push_back(type);
        for (auto& process : ThingPlugin::processes()) processes.push_back(process);
    }
    host::HostServices services{
        .executor = runtime_->executor(),
        .clock = &server.clock,
        .log = Logger(
            std::getenv("DROVER_TEST_LOG") ? make_log_sink(LogFormat::text, LogLevel::debug) : make_null_log_sink(),
            server.id),
        .metrics = &server.metrics,
        .server = {.id = server.id, .name = server.id, .home = folder_, .version = "test", .profile = "test"},
        .resource_types = std::make_shared<const std::vector<ResourceType>>(std::move(types)),
        .api_types = std::make_shared<const std::vector<ApiType>>(std::move(api)),
        .processes = std::make_shared<const std::vector<ProcessDefinition>>(std::move(processes)),
        .settings =
            [this] {
                const std::lock_guard lock(mutex_);
                std::vector<KnownSetting> known;
                for (const auto& [key, value] : settings_)
                    known.push_back({key, value, std::nullopt, "test", true, false});
                return known;
            },
        .offer_settings =
            [this](const std::map<std::string, std::string>& stored) {
                const std::lock_guard lock(mutex_);
                for (const auto& [key, value] : stored) settings_[key] = value;
            },
        .composition = nullptr,
    };
    auto instance = std::make_unique<host::Instance>(name, *loaded, services);
    if (connect) connect(*instance);
    const auto created = host::Instance::wait([&](auto done) { instance->create(std::move(*config), kVerb, done); });
    if (!created) throw std::runtime_error(created.error().describe());
    return instance;
}

void EngineWorld::begin(host::Instance& instance) {
    const auto started = host::Instance::wait([&](auto done) { instance.start(kVerb, done); });
    if (!started) throw std::runtime_error(started.error().describe());
}

void EngineWorld::end(host::Instance& instance) {
    const auto drained = host::Instance::wait([&](auto done) { instance.drain(kVerb, done); });
    EXPECT_TRUE(drained) << drained.error();
    const auto stopped = host::Instance::wait([&](auto done) { instance.stop(kVerb, done); });
    EXPECT_TRUE(stopped) << stopped.error();
}

Engine& EngineWorld::start(const std::string& name, bool serve, ServeOptions options) {
    auto made = std::make_unique<Server>(runtime_->clock(), name + "-" + std::to_string(++starts_));
    auto& server = *made;
    server.backend = load("memory.so", "memory", {{"world", folder_}, {"session-ttl", "800ms"}}, server, nullptr);
    begin(*server.backend);
    server.things =
        std::make_shared<Binding>("drover.model-extension", Logger(make_null_log_sink(), "things"), server.metrics);
    server.facade = make_facade<ModelExtension>(server.things);
    server.things->bind("things", static_cast<ModelExtension*>(&things));
    server.engine = load("engine.so", "engine", {}, server, [&](host::Instance& instance) {
        instance.connect(need<Store>(), std::shared_ptr<void>(std::shared_ptr<void>(), store_));
        instance.connect(need<LockService>(), server.of<LockService>(*server.backend));
        instance.connect(need<EventBus>(), server.of<EventBus>(*server.backend));
        instance.connect(need<MembershipService>(), server.of<MembershipService>(*server.backend));
        instance.collect(collect<ModelExtension>(), "things", server.facade);
    });
    begin(*server.engine);
    servers_[name] = std::move(made);
    auto& engine = this->engine(name);
    if (serve) {
        const auto serving = run(engine.serve(std::move(options)));
        EXPECT_TRUE(serving) << serving.error();
    }
    return engine;
}

Engine& EngineWorld::engine(const std::string& server) {
    auto& found = *servers_.at(server);
    return *static_cast<Engine*>(found.of<Engine>(*found.engine).get());
}

EventBus& EngineWorld::bus(const std::string& server) {
    auto& found = *servers_.at(server);
    return *static_cast<EventBus*>(found.of<EventBus>(*found.backend).get());
}

LockService& EngineWorld::locks(const std::string& server) {
    auto& found = *servers_.at(server);
    return *static_cast<LockService*>(found.of<LockService>(*found.backend).get());
}

Metrics& EngineWorld::metrics(const std::string& server) { return servers_.at(server)->metrics; }

void EngineWorld::stop(const std::string& name) {
    auto found = servers_.find(name);
    if (found == servers_.end()) return;
    auto server = std::move(found->second);
    servers_.erase(found);
    server->clock.thaw();
    end(*server->engine);
    end(*server->backend);
    retired_.push_back(std::move(server));
}

void EngineWorld::freeze(const std::string& server) { servers_.at(server)->clock.freeze(); }
void EngineWorld::thaw(const std::string& server) { servers_.at(server)->clock.thaw(); }

Record EngineWorld::get(const std::string& type, std::int64_t id) {
    return run(store().get(type, id, Consistency::primary(), in(20s))).value();
}

std::vector<Record> EngineWorld::all(Query query) {
    query.limit = kLargestPage;
    auto page = run(store().query(std::move(query), Consistency::primary(), in(20s))).value();
    std::vector<Record> records;
    for (auto& row : page.rows) records.push_back(std::move(row.record));
    return records;
}

std::vector<Record> EngineWorld::executions(std::int64_t process) {
    Query query;
    query.type = "processExecution";
    query.where.push_back({{"processInstanceId", Op::eq, {Value(process)}}});
    return all(std::move(query));
}

std::int64_t EngineWorld::make_thing(const std::string& state, json::object values) {
    Create create;
    create.type = "thing";
    create.values = {{"state", state}, {"allocationState", "none"}, {"uuid", new_uuid()}, {"kind", "thing"}};
    if (!values.contains("data")) create.values.emplace_back("data", Term(Value("{}")));
    for (const auto& [key, value] : values) {
        if (value.is_int64()) create.values.emplace_back(std::string(key), Term(Value(value.get_int64())));
        else if (value.is_string())
            create.values.emplace_back(std::string(key), Term(Value(std::string_view(value.get_string()))));
    }
    Batch batch;
    batch.operations.emplace_back(std::move(create));
    return run(store().commit(std::move(batch), in(20s))).value().changed.front().id;
}

Result<Scheduled> EngineWorld::schedule(Engine& by, const std::string& process, std::int64_t id, json::object data) {
    ProcessRequest request;
    request.process = process;
    request.resource_id = id;
    request.data = std::move(data);
    return run(by.schedule(std::move(request), in(20s)));
}

Record EngineWorld::ended(std::int64_t process) {
    EXPECT_TRUE(eventually([&] { return !get("processInstance", process)["endTime"].is_null(); }))
        << "process " << process << " did not end: " << get("processInstance", process)["reason"].describe();
    return get("processInstance", process);
}

bool EngineWorld::eventually(const std::function<bool()>& condition, std::chrono::milliseconds at_most) {
    const auto give_up = in(at_most);
    while (!condition()) {
        if (give_up.passed(clock())) return false;
        (void)block_on(executor(), sleep_until(clock(), in(3ms)), at_most);
    }
    return true;
}

}  // namespace drover::engine_tests
