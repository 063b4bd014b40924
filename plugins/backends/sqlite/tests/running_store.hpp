#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"
#include "drover/services/store.hpp"

namespace drover::sqlite_tests {

using namespace std::chrono_literals;

/// Time that a test moves on; timers go by the real one.
class ShiftedClock final : public Clock {
public:
    explicit ShiftedClock(Clock& real) : real_(real) {}
    void shift(std::chrono::milliseconds by) { shift_.store(shift_.load() + by.count()); }

    TimePoint now() const override { return real_.now() + std::chrono::milliseconds(shift_.load()); }
    WallTime wall() const override { return real_.wall() + std::chrono::milliseconds(shift_.load()); }
    TimerId call_at(TimePoint when, std::function<void()> fire) override {
        return real_.call_at(when - std::chrono::milliseconds(shift_.load()), std::move(fire));
    }
    void cancel(TimerId timer) override { real_.cancel(timer); }

private:
    Clock& real_;
    std::atomic<std::int64_t> shift_{0};
};

/// The plugin, loaded from its library and started as the kernel does it.
class RunningStore {
public:
    struct Setup {
        std::filesystem::path home;
        std::vector<ResourceType> types{};
        std::map<std::string, std::string> options{};
    };
    /// Errors: those of the plugin's start.
    static Result<std::unique_ptr<RunningStore>> start(const Setup& setup);
    /// Drains and stops; a failure to do so fails the test.
    ~RunningStore();

    Store& store();
    Health health() const;
    ShiftedClock& clock() { return clock_; }
    Executor executor() { return runtime_->executor(); }
    Deadline in(Duration wait) { return Deadline::in(clock_, wait); }

    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(executor(), std::move(work), 60s);
    }
    Result<Committed> commit(std::vector<Operation> operations, std::string id = {});
    Result<std::optional<Committed>> outcome(std::string id) { return run(store().outcome(std::move(id), in(20s))); }
    Result<Page> query(Query query) { return run(store().query(std::move(query), Consistency::primary(), in(20s))); }
    Result<Record> get(std::string type, std::int64_t id) {
        return run(store().get(std::move(type), id, Consistency::primary(), in(20s)));
    }
    /// Looks until `condition` holds; false when it did not in time.
    bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds at_most = 20s);

private:
    RunningStore();
    std::unique_ptr<host::Runtime> runtime_;
    ShiftedClock clock_;
    Metrics metrics_;
    std::unique_ptr<host::Instance> instance_;
    bool started_ = false;
};

/// What the fault tests write: for each writer two cells that always hold the same value, and a trail of
/// steps up to that value; `poison` is created by batches that must fail only.
std::vector<ResourceType> workload_types();
inline constexpr std::int64_t kTrail = 20;
/// Every third batch goes without an id.
std::string batch_id(std::int64_t writer, std::int64_t value);

}  // namespace drover::sqlite_tests
