#include "drover/conformance/backend.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <stdexcept>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"

namespace drover::conformance {
namespace {

using namespace std::chrono_literals;
constexpr auto kVerb = 20s;

/// An owner's clock: the real one, until it is stopped. What came due meanwhile fires on going on.
class PausableClock final : public Clock, public std::enable_shared_from_this<PausableClock> {
public:
    explicit PausableClock(Clock& real) : real_(real) {}

    TimePoint now() const override {
        const std::lock_guard lock(mutex_);
        return stopped_at_ ? *stopped_at_ : real_.now();
    }
    WallTime wall() const override { return real_.wall(); }
    TimerId call_at(TimePoint when, std::function<void()> fire) override {
        const std::lock_guard lock(mutex_);
        const auto id = next_++;
        auto& timer = timers_[id];
        timer = {when, std::move(fire), 0};
        if (!stopped_at_) arm(id, timer);
        return id;
    }
    void cancel(TimerId id) override {
        const std::lock_guard lock(mutex_);
        const auto found = timers_.find(id);
        if (found == timers_.end()) return;
        if (found->second.real != 0) real_.cancel(found->second.real);
        timers_.erase(found);
    }
    void pause() {
        const std::lock_guard lock(mutex_);
        if (stopped_at_) return;
        stopped_at_ = real_.now();
        for (auto& [id, timer] : timers_) real_.cancel(std::exchange(timer.real, 0));
    }
    void resume() {
        const std::lock_guard lock(mutex_);
        if (!stopped_at_) return;
        stopped_at_.reset();
        for (auto& [id, timer] : timers_) arm(id, timer);
    }

private:
    struct Timer {
        TimePoint when;
        std::function<void()> fire;
        TimerId real = 0;
    };
    void arm(TimerId id, Timer& timer) {
        timer.real = real_.call_at(timer.when, [weak = weak_from_this(), this, id] {
            // A timer that was cancelled may be running at that moment, and the case be over.
            const auto alive = weak.lock();
            if (!alive) return;
            std::function<void()> fire;
            {
                const std::lock_guard lock(mutex_);
                const auto found = timers_.find(id);
                if (found == timers_.end() || stopped_at_) return;
                fire = std::move(found->second.fire);
                timers_.erase(found);
            }
            fire();
        });
    }
    Clock& real_;
    mutable std::mutex mutex_;
    std::optional<TimePoint> stopped_at_;  // guarded by mutex_
    TimerId next_ = 1;                     // guarded by mutex_
    std::map<TimerId, Timer> timers_;      // guarded by mutex_
};

std::filesystem::path find_library(const std::string& name) {
    const std::filesystem::path path(name);
    if (path.has_parent_path()) return path;
    if (const char* folder = std::getenv("DROVER_TEST_PLUGIN_FOLDER")) return std::filesystem::path(folder) / name;
    // build/release/tests/x_test and bin/drover both have the plugins at ../lib/drover/plugins.
    const auto self = std::filesystem::read_symlink("/proc/self/exe");
    return self.parent_path().parent_path() / "lib/drover/plugins" / name;
}

std::string make_folder() {
    auto pattern = (std::filesystem::temp_directory_path() / "drover-kit-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder: " + pattern);
    return pattern;
}

/// One for all cases of the process: threads that a case left behind would be found by the next.
host::Runtime& runtime() {
    static auto* const shared = new host::Runtime(2);
    return *shared;
}

Metrics& metrics() {
    static auto* const shared = new Metrics;
    return *shared;
}

}  // namespace

struct Backend::World {
    struct Owner {
        std::shared_ptr<PausableClock> clock;  // owners: this, and a timer that fires
        std::unique_ptr<host::Instance> instance;
    };
    std::string folder;
    std::shared_ptr<const host::Library> library;
    std::map<std::string, Owner, std::less<>> owners;
    // A call that the stop ended may be on its way out through the facade: that lives as long as the backend.
    std::vector<std::unique_ptr<host::Instance>> retired;

    Owner& owner(std::string_view name) {
        auto found = owners.find(name);
        if (found == owners.end()) {
            found = owners.emplace(std::string(name), Owner{}).first;
            found->second.clock = std::make_shared<PausableClock>(runtime().clock());
        }
        return found->second;
    }
    void stop(Owner& owner) {
        if (!owner.instance) return;
        owner.clock->resume();
        auto& instance = *owner.instance;
        if (instance.phase() == host::Instance::Phase::ready) {
            const auto drained = host::Instance::wait([&](auto done) { instance.drain(kVerb, done); });
            EXPECT_TRUE(drained) << drained.error();
        }
        const auto stopped = host::Instance::wait([&](auto done) { instance.stop(kVerb, done); });
        EXPECT_TRUE(stopped) << stopped.error();
        retired.push_back(std::move(owner.instance));
    }
};

Backend::Backend() : world_(std::make_unique<World>()) { world_->folder = make_folder(); }

Backend::~Backend() {
    for (auto& [name, owner] : world_->owners) world_->stop(owner);
    std::error_code ignored;
    std::filesystem::remove_all(world_->folder, ignored);
}

const std::string& Backend::folder() { return world_->folder; }
Executor Backend::executor() { return runtime().executor(); }
Clock& Backend::clock(std::string_view owner) { return *world_->owner(owner).clock; }
void Backend::suspend(std::string_view owner) { world_->owner(owner).clock->pause(); }
void Backend::resume(std::string_view owner) { world_->owner(owner).clock->resume(); }
void Backend::close(std::string_view owner) { world_->stop(world_->owner(owner)); }

Traits Backend::traits(std::string_view interface_id) {
    if (!world_->library) {
        auto loaded = host::Library::load(find_library(library()), {});
        world_->library = std::move(loaded.value());
    }
    const auto& descriptor = world_->library->descriptor();
    for (const auto* list : {&descriptor.provides, &descriptor.extends})
        for (const auto& service : *list)
            if (service.id == interface_id) return service.traits;
    throw std::runtime_error(library() + " does not provide " + std::string(interface_id));
}

void* Backend::open_service(std::string_view owner_name, std::string_view interface_id) {
    (void)traits(interface_id);
    auto& owner = world_->owner(owner_name);
    if (!owner.instance) {
        host::HostServices services{
            .executor = executor(),
            .clock = owner.clock.get(),
            .log = Logger(
                std::getenv("DROVER_TEST_LOG") ? make_log_sink(LogFormat::text, LogLevel::debug) : make_null_log_sink(),
                "kit"),
            .metrics = &metrics(),
            .server = {.id = std::string(owner_name),
                       .name = std::string(owner_name),
                       .home = world_->folder,
                       .version = "test",
                       .profile = "test"},
            .resource_types = std::make_shared<const std::vector<ResourceType>>(),
            .composition = nullptr,
        };
        auto config = Config::make(world_->library->descriptor().options, options(owner_name));
        if (!config) throw std::runtime_error(config.error().describe());
        owner.instance = std::make_unique<host::Instance>(std::string(owner_name), world_->library, services);
        const auto created =
            host::Instance::wait([&](auto done) { owner.instance->create(std::move(*config), kVerb, done); });
        if (!created) throw std::runtime_error(created.error().describe());
        const auto started = host::Instance::wait([&](auto done) { owner.instance->start(kVerb, done); });
        if (!started) throw std::runtime_error(started.error().describe());
    }
    for (const auto& service : owner.instance->services())
        if (service.declared.id == interface_id) return service.facade.get();
    throw std::runtime_error("no facade for " + std::string(interface_id));
}

}  // namespace drover::conformance
