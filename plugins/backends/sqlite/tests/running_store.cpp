#include "running_store.hpp"

#include <gtest/gtest.h>

namespace drover::sqlite_tests {
namespace {
constexpr auto kVerb = 30s;
}

RunningStore::RunningStore() : runtime_(std::make_unique<host::Runtime>(2)), clock_(runtime_->clock()) {}

Result<std::unique_ptr<RunningStore>> RunningStore::start(const Setup& setup) {
    std::unique_ptr<RunningStore> running(new RunningStore);
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    auto library = host::Library::load(self.parent_path().parent_path() / "lib/drover/plugins/sqlite.so", {});
    if (!library) return library.error();
    auto config = Config::make((*library)->descriptor().options, setup.options);
    if (!config) return config.error();
    host::HostServices services{
        .executor = running->executor(),
        .clock = &running->clock_,
        .log = Logger(
            std::getenv("DROVER_TEST_LOG") ? make_log_sink(LogFormat::text, LogLevel::debug) : make_null_log_sink(),
            "test"),
        .metrics = &running->metrics_,
        .server = {.id = "test", .name = "test", .home = setup.home.string(), .version = "test", .profile = "test"},
        .resource_types = std::make_shared<const std::vector<ResourceType>>(setup.types),
        .composition = nullptr,
    };
    running->instance_ = std::make_unique<host::Instance>("sqlite", *library, services);
    auto& instance = *running->instance_;
    auto done = host::Instance::wait([&](auto next) { instance.create(std::move(*config), kVerb, next); });
    if (done) done = host::Instance::wait([&](auto next) { instance.start(kVerb, next); });
    if (!done) return done.error();
    running->started_ = true;
    return running;
}

RunningStore::~RunningStore() {
    if (!instance_) return;
    if (started_) {
        const auto drained = host::Instance::wait([&](auto done) { instance_->drain(kVerb, done); });
        EXPECT_TRUE(drained) << drained.error();
    }
    const auto stopped = host::Instance::wait([&](auto done) { instance_->stop(kVerb, done); });
    EXPECT_TRUE(stopped) << stopped.error();
}

Store& RunningStore::store() { return *static_cast<Store*>(instance_->services().at(0).facade.get()); }
Health RunningStore::health() const { return instance_->status().health; }

Result<Committed> RunningStore::commit(std::vector<Operation> operations, std::string id) {
    return run(store().commit(Batch{std::move(id), std::move(operations)}, in(20s)));
}

bool RunningStore::eventually(const std::function<bool()>& condition, std::chrono::milliseconds at_most) {
    const auto give_up = in(at_most);
    while (!condition()) {
        if (give_up.passed(clock_)) return false;
        (void)block_on(executor(), sleep_until(clock_, in(5ms)), at_most);
    }
    return true;
}

std::vector<ResourceType> workload_types() {
    ResourceType cell{.name = "cell"};
    cell.fields = {integer_field("writer").required(), integer_field("half").required(),
                   integer_field("value").not_null(0), text_field("filler", 4'000)};
    cell.indexes = {{{"writer", "half"}, true}};
    ResourceType step{.name = "step"};
    step.fields = {integer_field("writer").required(), integer_field("number").required()};
    step.indexes = {{{"writer", "number"}, true}};
    ResourceType poison{.name = "poison"};
    poison.fields = {text_field("note")};
    return {cell, step, poison};
}

std::string batch_id(std::int64_t writer, std::int64_t value) {
    return value % 3 == 0 ? std::string() : "w" + std::to_string(writer) + "-" + std::to_string(value);
}

}  // namespace drover::sqlite_tests
