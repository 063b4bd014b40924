#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "cloud.hpp"
#include "drover/conformance/backend.hpp"
#include "drover/engine/run.hpp"
#include "drover/services/store.hpp"
#include "drover/sync.hpp"
#include "drover/task_group.hpp"
#include "types/types.hpp"

namespace drover::cloud {

using namespace std::chrono_literals;

struct BenchBackend : conformance::Backend {
    std::string library() const override { return "memory.so"; }
    conformance::Options options(std::string_view) override { return {{"world", folder()}, {"session-ttl", "800ms"}}; }
};

/// What logic sees of the engine, as far as the allocator and the payloads use it: reads and commits on a real
/// store. Everything else ends in an error.
class BenchRun final : public ProcessRun {
public:
    BenchRun(Store& store, Clock& with, std::shared_ptr<const Model> model, std::string process, Record resource,
             std::map<std::string, std::string, std::less<>> settings);

    const Model& model() const override { return *model_; }
    const ProcessDefinition& process() const override { return *process_; }
    std::int64_t process_id() const override { return 1; }
    const Record& resource() const override { return resource_; }
    boost::json::object& data() override { return data_; }
    const Logger& log() const override { return log_; }
    Clock& clock() const override { return clock_; }
    Deadline deadline() const override { return Deadline::in(clock_, 30s); }
    std::string setting(std::string_view key) const override;
    Async<Result<void>> refresh() override;
    Async<Result<Record>> get(std::string type, std::int64_t id) override;
    Async<Result<Page>> query(Query query) override;
    Async<Result<std::vector<Record>>> linked(std::string type, std::int64_t id, std::string link) override;
    Async<Result<void>> save_data() override;
    Async<Result<Committed>> commit(Batch batch) override;
    Async<Result<Record>> create(std::string type, boost::json::object values) override;
    Async<Result<void>> apply(std::string type, std::int64_t id, boost::json::object changes) override;
    Async<Result<Record>> run(std::string process, std::int64_t resource_id, boost::json::object data) override;
    Async<Result<void>> schedule(std::string process, std::int64_t resource_id, boost::json::object data) override;
    Async<Result<std::shared_ptr<Held>>> lock(std::string name, std::chrono::milliseconds wait) override;
    Async<Result<Event>> request(Event event, RequestOptions options) override;
    Async<Result<Event>> command(AgentCommand command) override;
    void progress(std::string, int) override {}

private:
    Store& store_;
    Clock& clock_;
    std::shared_ptr<const Model> model_;  // owners: the bench and its runs
    const ProcessDefinition* process_;
    Record resource_;
    boost::json::object data_;
    std::map<std::string, std::string, std::less<>> settings_;
    Logger log_;
};

/// A memory store with the cloud's types, and short ways to fill it.
class CloudBench : public testing::Test {
protected:
    void SetUp() override;
    void TearDown() override;

    Store& store() { return *store_; }
    Clock& clock() { return backend_->clock("alice"); }
    const Model& model() { return *model_; }
    std::shared_ptr<const Model> shared_model() { return model_; }
    CloudPtr cloud() { return cloud_; }

    template <class T>
    Result<T> wait(Async<Result<T>> work) {
        return block_on(backend_->executor(), std::move(work), 60s);
    }
    /// Starts all at once; their results in that order.
    template <class T>
    std::vector<Result<T>> together(std::vector<std::function<Async<Result<T>>()>> works);

    std::int64_t create(std::string type, Assignments values);
    Record get(const std::string& type, std::int64_t id);
    std::vector<Record> all(const std::string& type, std::vector<AnyOf> where = {});
    void set(const std::string& type, std::int64_t id, Assignments values);

    ProcessRunPtr make_run(const std::string& type, std::int64_t id, const std::string& process = "instance.start");
    std::map<std::string, std::string, std::less<>> settings{{"allocator.kinds", "sim,docker,libvirt"}};

    /// An active host with an active pool of its kind.
    struct Place {
        std::int64_t host = 0;
        std::int64_t pool = 0;
    };
    Place place(const std::string& kind, Value free, std::int64_t agent = 0);
    std::int64_t agent(const std::string& state = "active");
    /// An image that a pool of `kind` has; kind empty: none has.
    std::int64_t image(const std::string& kind);
    /// An instance that is being allocated, with its root volume when it has an image.
    std::int64_t instance(std::int64_t image_id, Assignments more = {});

private:
    std::unique_ptr<BenchBackend> backend_;
    Metrics metrics_;
    Store* store_ = nullptr;
    std::shared_ptr<const Model> model_;  // owners: the bench and its runs
    CloudPtr cloud_;
    int named_ = 0;
};

template <class T>
std::vector<Result<T>> CloudBench::together(std::vector<std::function<Async<Result<T>>()>> works) {
    std::vector<OneShot<T>> done(works.size());
    TaskGroup tasks(backend_->executor());
    for (std::size_t i = 0; i < works.size(); ++i) {
        tasks.spawn("bench", [work = works[i], one = done[i]]() mutable -> Async<void> {
            auto working = work();
            auto result = co_await std::move(working);
            one.set(std::move(result));
        });
    }
    EXPECT_TRUE(tasks.join(60s));
    std::vector<Result<T>> results;
    for (auto& one : done) results.push_back(wait(one.take()));
    return results;
}

}  // namespace drover::cloud
