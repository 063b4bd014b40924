#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "drover/engine/engine.hpp"
#include "drover/engine/extension.hpp"
#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"
#include "drover/services/event_bus.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/membership.hpp"
#include "drover/services/store.hpp"

namespace drover::engine_tests {

using namespace std::chrono_literals;

/// What a third party's plugin declares: a resource type with processes, and their logic, which a test supplies.
class ThingPlugin final : public ModelExtension {
public:
    using Call = std::function<Async<Result<LogicResult>>(ProcessRunPtr)>;

    static std::vector<ResourceType> resource_types();
    static std::vector<ApiType> api_types();
    static std::vector<ProcessDefinition> processes();

    /// Before a server starts.
    void on(std::string process, Call call, LogicPhase phase = LogicPhase::handler, int priority = kPrioritySpecific,
            std::string name = "Test");
    void task(PeriodicTask task) { tasks_.push_back(std::move(task)); }
    void seed(Seed seed) { seeds_.push_back(std::move(seed)); }

    std::vector<Logic> logic() override { return logic_; }
    std::vector<PeriodicTask> tasks() override { return tasks_; }
    std::vector<Seed> seeds() override { return seeds_; }

private:
    std::vector<Logic> logic_;
    std::vector<PeriodicTask> tasks_;
    std::vector<Seed> seeds_;
};

/// One deployment: a store, and servers whose locks, events and membership are of one world.
class EngineWorld {
public:
    /// `store`: "memory" or "sqlite"; its files are in a new folder below `under`, the temporary one by default.
    explicit EngineWorld(std::string store, const std::string& under = {});
    ~EngineWorld();
    EngineWorld(const EngineWorld&) = delete;
    EngineWorld& operator=(const EngineWorld&) = delete;

    ThingPlugin things;
    /// Settings by key; before a server starts, or any time with `set`.
    void set(std::string key, std::string value);

    /// A server with an engine; executes processes unless told otherwise.
    Engine& start(const std::string& server, bool serve = true, ServeOptions options = {});
    Engine& engine(const std::string& server);
    /// An orderly end.
    void stop(const std::string& server);
    /// Its clock stands still: no lease is renewed, no timer fires. What runs without waiting goes on.
    void freeze(const std::string& server);
    void thaw(const std::string& server);

    Store& store() { return *store_; }
    EventBus& bus(const std::string& server);
    LockService& locks(const std::string& server);
    Metrics& metrics(const std::string& server);
    Clock& clock() { return runtime_->clock(); }
    Executor executor() { return runtime_->executor(); }
    Deadline in(Duration wait) { return Deadline::in(clock(), wait); }
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(executor(), std::move(work), 60s);
    }

    Record get(const std::string& type, std::int64_t id);
    std::vector<Record> all(Query query);
    std::vector<Record> executions(std::int64_t process);
    std::string state(std::int64_t thing) { return std::string(get("thing", thing)["state"].text()); }
    /// A row that no process is under way for.
    std::int64_t make_thing(const std::string& state, boost::json::object values = {});
    Result<Scheduled> schedule(Engine& by, const std::string& process, std::int64_t id, boost::json::object data = {});
    /// Blocks until the process ended; its record.
    Record ended(std::int64_t process);
    bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds at_most = 20s);

private:
    class FreezableClock;
    struct Server;
    std::unique_ptr<host::Instance> load(const std::string& library, const std::string& name,
                                         std::map<std::string, std::string> options, Server& server,
                                         const std::function<void(host::Instance&)>& connect);
    void begin(host::Instance& instance);
    void end(host::Instance& instance);

    std::string folder_;
    std::unique_ptr<host::Runtime> runtime_;
    const std::string store_name_;
    std::mutex mutex_;
    std::map<std::string, std::string> settings_;  // guarded by mutex_
    std::unique_ptr<Server> store_server_;
    std::map<std::string, std::unique_ptr<Server>> servers_;
    std::vector<std::unique_ptr<Server>> retired_;
    Store* store_ = nullptr;
    int starts_ = 0;
};

/// A count that coroutines raise and a test waits for.
struct Count {
    std::atomic<int> value{0};
    int operator++(int) { return value++; }
    operator int() const { return value.load(); }
};

}  // namespace drover::engine_tests
