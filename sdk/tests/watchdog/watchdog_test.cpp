#include <gtest/gtest.h>

#include <sys/stat.h>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"

namespace drover {
namespace {

using namespace std::chrono_literals;

/// Keeps what the watchdog reports, and lets a thread wait for it.
class Reports final : public LogSink {
public:
    struct Report {
        std::string message;
        std::string plugin;
        std::int64_t ms = 0;
    };
    void write(LogLevel, std::string_view, std::string_view message, std::initializer_list<LogField> fields) override {
        Report report{std::string(message), {}, 0};
        for (const auto& field : fields) {
            if (field.name == "plugin") report.plugin = std::get<std::string_view>(field.value);
            if (field.name == "ms") report.ms = std::get<std::int64_t>(field.value);
        }
        const std::lock_guard lock(mutex_);
        reports_.push_back(std::move(report));
        more_.notify_all();
    }
    /// The first report that names `plugin` and says "holds" or "held"; none within 20 s.
    std::optional<Report> wait_for(const std::string& plugin, const std::string& word) {
        std::unique_lock lock(mutex_);
        std::optional<Report> found;
        more_.wait_for(lock, 20s, [&] {
            for (const auto& report : reports_)
                if (report.plugin == plugin && report.message.find(word) != std::string::npos) found = report;
            return found.has_value();
        });
        return found;
    }

private:
    std::mutex mutex_;
    std::condition_variable more_;
    std::vector<Report> reports_;  // guarded by mutex_
};

class WatchdogTest : public ::testing::Test {
protected:
    const std::shared_ptr<Reports> reports_ = std::make_shared<Reports>();
    host::Runtime runtime_{1, Logger(reports_, "executor")};
};

TEST_F(WatchdogTest, AHandlerThatBlocksIsNamedWhileItBlocksAndWhenItIsOver) {
    std::promise<std::optional<Reports::Report>> seen;
    boost::asio::post(host::named(runtime_.executor(), "sleepy"),
                      [&] { seen.set_value(reports_->wait_for("sleepy", "holds")); });
    const auto during = seen.get_future().get();
    ASSERT_TRUE(during) << "it blocked until it was named, and never was";
    EXPECT_GE(during->ms, 50);
    const auto after = reports_->wait_for("sleepy", "held");
    ASSERT_TRUE(after);
    EXPECT_GE(after->ms, during->ms);
}

TEST_F(WatchdogTest, ATaskThatBlocksOnItsStrandIsNamed) {
    TaskGroup tasks(host::named(runtime_.executor(), "locks"));
    std::promise<bool> seen;
    tasks.spawn("keeper", [&]() -> Async<void> {
        // Resumed by a timer: also after a wait it is the plugin's.
        (void)co_await sleep_for(runtime_.clock(), 1ms);
        seen.set_value(reports_->wait_for("locks", "holds").has_value());
    });
    EXPECT_TRUE(seen.get_future().get());
    EXPECT_TRUE(tasks.join(20s));
}

TEST_F(WatchdogTest, AHandlerInsideAnotherIsNamedAndNotTheOneAround) {
    std::promise<bool> seen;
    boost::asio::post(host::named(runtime_.executor(), "outer"), [&] {
        boost::asio::dispatch(host::named(runtime_.executor(), "inner"),
                              [&] { seen.set_value(reports_->wait_for("inner", "holds").has_value()); });
    });
    EXPECT_TRUE(seen.get_future().get());
    EXPECT_TRUE(reports_->wait_for("inner", "held"));
}

TEST_F(WatchdogTest, ATimerThatBlocksIsNamed) {
    std::promise<bool> seen;
    runtime_.clock().call_at(runtime_.clock().now(),
                             [&] { seen.set_value(reports_->wait_for("a timer", "holds").has_value()); });
    EXPECT_TRUE(seen.get_future().get());
}

TEST_F(WatchdogTest, APluginWhoseTaskBlocksIsNamedByItsInstance) {
    auto folder = (std::filesystem::temp_directory_path() / "drover-watchdog-XXXXXX").string();
    ASSERT_TRUE(mkdtemp(folder.data()));
    const auto pipe = folder + "/pipe";
    ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    const auto library = host::Library::load(DROVER_BUILD_DIR "/tests/plugins/test-holdup.so", {});
    ASSERT_TRUE(library) << library.error();
    Metrics metrics;
    host::Instance instance("tarry", *library,
                            host::HostServices{
                                .executor = runtime_.executor(),
                                .clock = &runtime_.clock(),
                                .log = Logger(make_null_log_sink(), "kernel"),
                                .metrics = &metrics,
                                .server = {},
                                .resource_types = std::make_shared<const std::vector<ResourceType>>(),
                                .composition = nullptr,
                            });
    auto config = Config::make((*library)->descriptor().options, {{"pipe", pipe}});
    ASSERT_TRUE(config) << config.error();
    const auto created = host::Instance::wait([&](auto done) { instance.create(*config, 20s, done); });
    ASSERT_TRUE(created) << created.error();
    const auto started = host::Instance::wait([&](auto done) { instance.start(20s, done); });
    ASSERT_TRUE(started) << started.error();

    const auto report = reports_->wait_for("tarry", "holds");
    { const std::ofstream let_go(pipe); }
    EXPECT_TRUE(report);
    const auto stopped = host::Instance::wait([&](auto done) { instance.stop(20s, done); });
    EXPECT_TRUE(stopped) << stopped.error();
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace drover
