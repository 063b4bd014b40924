#include "drover/host/instance.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <thread>

#include "drover/host/runtime.hpp"
#include "verb_deadlines.hpp"

namespace drover::host {
namespace {

using std::chrono::milliseconds;

/// A health check is to be cheap; one that takes longer hangs.
constexpr auto kCheckWithin = milliseconds(1'000);

/// What the kernel of Linux allows for the name of a thread.
constexpr std::size_t kLongestThreadName = 15;

/// Unique for each instance, and inherited by every thread a verb starts: so leftovers can be named.
std::string thread_name_for(const std::string& instance) {
    static std::atomic<unsigned> counter{0};
    return ("p" + std::to_string(counter++) + ":" + instance).substr(0, kLongestThreadName);
}

std::size_t threads_named(const std::string& name) {
    std::size_t count = 0;
    std::error_code ignored;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
        if (task.path().filename() == std::to_string(gettid())) continue;
        std::ifstream comm(task.path() / "comm");
        std::string seen;
        if (std::getline(comm, seen) && seen == name) ++count;
    }
    return count;
}

HostServices in_name_of(const std::string& instance, HostServices services) {
    services.executor = named(services.executor, instance);
    return services;
}

template <class T>
const std::vector<T>& all_of(const std::shared_ptr<const std::vector<T>>& declared) {
    static const std::vector<T> kNone;
    return declared ? *declared : kNone;
}

/// Until `condition` holds or `until` has passed; looks every millisecond. For verb threads only.
bool poll(std::chrono::steady_clock::time_point until, const std::function<bool()>& condition) {
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= until) return false;
        std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
}

}  // namespace

struct Instance::State final : Context {
    State(std::string instance_name, std::shared_ptr<const Library> from, HostServices host)
        : name(std::move(instance_name)),
          library(std::move(from)),
          services(in_name_of(name, std::move(host))),
          logger(services.log.named(name)),
          thread_name(thread_name_for(name)),
          task_group(std::make_unique<TaskGroup>(services.executor)) {}
    ~State() override {
        if (abandoned) {
            // A verb or a task still runs inside: taking its objects away would crash it.
            (void)plugin.release();
            (void)task_group.release();
        }
    }

    const std::string& instance() const override { return name; }
    const ServerInfo& server() const override { return services.server; }
    Executor executor() override { return services.executor; }
    Clock& clock() override { return *services.clock; }
    const Logger& log() const override { return logger; }
    Metrics& metrics() override { return *services.metrics; }
    TaskGroup& tasks() override { return *task_group; }
    std::unique_ptr<BlockingPool> make_blocking_pool(std::size_t threads, std::size_t queue) override {
        return std::make_unique<BlockingPool>(thread_name, threads, queue);
    }
    const std::vector<ResourceType>& resource_types() const override { return all_of(services.resource_types); }
    const std::vector<ApiType>& api_types() const override { return all_of(services.api_types); }
    const std::vector<ProcessDefinition>& processes() const override { return all_of(services.processes); }
    std::vector<KnownSetting> settings() const override {
        return services.settings ? services.settings() : std::vector<KnownSetting>{};
    }
    void offer_settings(std::map<std::string, std::string> stored) override {
        if (services.offer_settings) services.offer_settings(std::move(stored));
    }
    std::vector<PluginStatus> composition() const override {
        return services.composition ? services.composition() : std::vector<PluginStatus>{};
    }
    void* find_service(std::string_view interface_id) override {
        const auto found = needs.find(interface_id);
        return found == needs.end() ? nullptr : found->second.get();
    }
    std::vector<std::pair<std::string, void*>> find_extensions(std::string_view interface_id) override {
        std::vector<std::pair<std::string, void*>> found;
        if (const auto all = collected.find(interface_id); all != collected.end())
            for (const auto& [from, facade] : all->second) found.emplace_back(from, facade.get());
        return found;
    }

    void set_phase(Phase now, std::string why = {}) {
        const std::lock_guard lock(mutex);
        phase = now;
        reason = std::move(why);
    }
    void fail(const Error& error) { set_phase(Phase::failed, error.message()); }

    const std::string name;
    const std::shared_ptr<const Library> library;
    const HostServices services;
    const Logger logger;
    const std::string thread_name;
    std::unique_ptr<TaskGroup> task_group;
    std::unique_ptr<Plugin> plugin;
    std::vector<Offer> offers;
    std::vector<BoundService> bound;
    std::map<std::string, std::shared_ptr<void>, std::less<>> needs;
    std::map<std::string, std::map<std::string, std::shared_ptr<void>>, std::less<>> collected;  // by instance
    std::atomic<bool> abandoned{false};
    std::atomic<bool> started{false};
    std::atomic<int> checks{0};            // of its health, under way
    std::atomic<bool> check_hangs{false};  // one of them

    mutable std::mutex mutex;
    Phase phase = Phase::created;  // guarded by mutex
    std::string reason;            // guarded by mutex
};

namespace {

template <class StatePtr>
Result<void> call_guarded(const StatePtr& state, const std::string& verb, const std::function<Result<void>()>& work) {
    try {
        auto result = work();
        if (!result) return result.error().in("plugin " + state->name + ": " + verb);
        return ok;
    } catch (...) {
        return error_of(std::current_exception())
            .in("plugin " + state->name + " (" + state->library->id() + "): " + verb + " threw")
            .with_code(Errc::internal);
    }
}

/// Runs `work` on a thread that bears the instance's name; whoever is first of it and the deadline answers.
template <class StatePtr>
void run_verb(const StatePtr& state, std::string verb, milliseconds at_most, std::function<Result<void>()> work,
              Instance::Done done, bool fatal = true) {
    const auto answered = std::make_shared<std::atomic<bool>>(false);  // owners: the thread and the timer
    const auto timer = VerbDeadlines::shared().begin(at_most, [state, verb, at_most, answered, done] {
        if (answered->exchange(true)) return;
        state->abandoned = true;
        Error late(Errc::timeout,
                   "plugin " + state->name + " (" + state->library->id() + "): " + verb + " did not return within " +
                       std::to_string(at_most.count()) + " ms",
                   "The plugin hangs; it is left behind. Its log lines before this one say what it waited for.");
        state->fail(late);
        done(late);
    });
    std::thread([state, verb, work = std::move(work), timer, answered, done, fatal] {
        pthread_setname_np(pthread_self(), state->thread_name.c_str());
        const auto result = call_guarded(state, verb, work);
        if (answered->exchange(true)) return;
        VerbDeadlines::shared().cancel(timer);
        if (!result && fatal) state->fail(result.error());
        done(result);
    }).detach();
}

Health check_failed(const std::string& how) { return Health::failed("its health check " + how); }

/// Asks on a thread of its own, so that a check that hangs is named and holds up nobody.
/// Requires: `checks` was raised for this call.
template <class StatePtr>
Health check_health(const StatePtr& state) {
    struct Answer {
        std::mutex mutex;
        std::condition_variable given;
        std::optional<Health> health;  // guarded by mutex
        bool late = false;             // guarded by mutex
    };
    const auto answer = std::make_shared<Answer>();  // owners: this call and the check
    std::thread([state, answer] {
        pthread_setname_np(pthread_self(), state->thread_name.c_str());
        Health health;
        try {
            health = state->plugin->health();
        } catch (...) {
            health = check_failed("threw: " + error_of(std::current_exception()).message());
        }
        const std::lock_guard lock(answer->mutex);
        answer->health = std::move(health);
        answer->given.notify_all();
        if (answer->late) state->check_hangs = false;
        --state->checks;
    }).detach();
    std::unique_lock lock(answer->mutex);
    if (answer->given.wait_for(lock, kCheckWithin, [&] { return answer->health.has_value(); })) return *answer->health;
    answer->late = true;
    if (!state->check_hangs.exchange(true))
        state->services.log.error("a health check hangs; this is a bug in the plugin",
                                  {{"plugin", state->name}, {"id", state->library->id()}});
    return check_failed("did not return within " + std::to_string(kCheckWithin.count()) + " ms");
}

}  // namespace

Instance::Instance(std::string name, std::shared_ptr<const Library> library, HostServices services)
    : state_(std::make_shared<State>(std::move(name), std::move(library), std::move(services))) {
    const auto& descriptor = state_->library->descriptor();
    for (const auto* list : {&descriptor.provides, &descriptor.extends}) {
        for (const auto& provided : *list) {
            auto binding = std::make_shared<Binding>(provided.id, state_->logger, *state_->services.metrics);
            auto facade = provided.facade(binding);
            state_->bound.push_back({provided, std::move(binding), std::move(facade)});
        }
    }
}

Instance::~Instance() = default;

const std::string& Instance::name() const { return state_->name; }
const Library& Instance::library() const { return *state_->library; }
const std::vector<BoundService>& Instance::services() const { return state_->bound; }

Instance::Phase Instance::phase() const {
    const std::lock_guard lock(state_->mutex);
    return state_->phase;
}

PluginStatus Instance::status() const {
    PluginStatus status{state_->name, state_->library->id(), state_->library->note().version, {}, {}};
    {
        const std::lock_guard lock(state_->mutex);
        status.phase = to_string(state_->phase);
        if (state_->phase != Phase::ready) {
            status.health = Health::failed(state_->reason.empty() ? "it is " + status.phase : state_->reason);
            return status;
        }
        if (state_->check_hangs) {
            status.health = check_failed("still does not return");
            return status;
        }
        ++state_->checks;  // under the mutex: none begins once `stop` has begun
    }
    status.health = check_health(state_);
    return status;
}

void Instance::connect(const NeededService& need, std::shared_ptr<void> facade) {
    state_->needs[need.id] = std::move(facade);
}

void Instance::collect(const CollectedInterface& collected, std::string instance, std::shared_ptr<void> facade) {
    state_->collected[collected.id][std::move(instance)] = std::move(facade);
}

void Instance::create(Config config, milliseconds at_most, Done done) {
    run_verb(
        state_, "create", at_most,
        [state = state_, config = std::move(config)]() -> Result<void> {
            auto plugin = state->library->descriptor().create(config, *state);
            if (!plugin) return plugin.error();
            if (!*plugin) return Error(Errc::internal, "returned no plugin and no error");
            state->plugin = std::move(*plugin);
            state->offers = state->plugin->offers();
            for (const auto& service : state->bound) {
                const bool offered = std::any_of(state->offers.begin(), state->offers.end(), [&](const Offer& offer) {
                    return offer.id == service.declared.id && offer.object;
                });
                if (!offered)
                    return Error(Errc::internal, "it declares " + service.declared.id + " but offers no object for it");
            }
            for (const auto& offer : state->offers) {
                const bool declared = std::any_of(state->bound.begin(), state->bound.end(),
                                                  [&](const auto& service) { return service.declared.id == offer.id; });
                if (!declared)
                    return Error(Errc::internal, "it offers " + offer.id + ", which its descriptor does not declare");
            }
            return ok;
        },
        std::move(done));
}

void Instance::start(milliseconds at_most, Done done) {
    state_->set_phase(Phase::starting);
    state_->started = true;
    run_verb(
        state_, "start", at_most,
        [state = state_, at_most]() -> Result<void> {
            auto started = state->plugin->start(Deadline::in(*state->services.clock, at_most));
            if (!started || state->abandoned) return started;  // too late: the kernel gave up on it
            for (const auto& service : state->bound)
                for (const auto& offer : state->offers)
                    if (offer.id == service.declared.id) service.binding->bind(state->name, offer.object);
            state->set_phase(Phase::ready);
            return ok;
        },
        std::move(done));
}

void Instance::drain(milliseconds at_most, Done done) {
    state_->set_phase(Phase::draining);
    run_verb(
        state_, "drain", at_most,
        [state = state_, at_most] { return state->plugin->drain(Deadline::in(*state->services.clock, at_most)); },
        std::move(done));
}

void Instance::reconfigure(Config config, milliseconds at_most, Done done) {
    run_verb(
        state_, "reconfigure", at_most,
        [state = state_, config = std::move(config)] { return state->plugin->reconfigure(config); }, std::move(done),
        /*fatal=*/false);
}

void Instance::stop(milliseconds at_most, Done done) {
    for (const auto& service : state_->bound) service.binding->unbind();
    if (phase() != Phase::failed) state_->set_phase(Phase::draining);
    run_verb(
        state_, "stop", at_most,
        [state = state_, at_most]() -> Result<void> {
            if (state->abandoned) {
                // A plugin must not be stopped by one thread while another is inside of it still.
                state->task_group->cancel();
                return Error(Errc::timeout, "not called: an earlier verb of it has not returned",
                             "This is a mistake in the plugin " + state->library->id() + "; tell its author.");
            }
            // Most of the time for the plugin, the rest for looking at what it left.
            const auto begin = std::chrono::steady_clock::now();
            const auto until = [&](double share) {
                return begin + milliseconds(static_cast<long>(static_cast<double>(at_most.count()) * share));
            };
            std::string left;
            const bool calls_ended = poll(until(0.3), [&] {
                return state->checks == 0 &&
                       std::all_of(state->bound.begin(), state->bound.end(),
                                   [](const BoundService& service) { return service.binding->idle(); });
            });
            if (!calls_ended) left += state->checks > 0 ? "a health check" : "calls that never ended";
            Result<void> stopped = ok;
            if (state->plugin && state->started) {
                const auto time =
                    std::chrono::duration_cast<milliseconds>(until(0.8) - std::chrono::steady_clock::now());
                try {
                    stopped = state->plugin->stop(Deadline::in(*state->services.clock, time));
                } catch (...) {
                    // However it ends: what it left is looked at.
                    stopped = error_of(std::current_exception()).in("threw").with_code(Errc::internal);
                }
            }
            state->task_group->cancel();
            const auto time = std::chrono::duration_cast<milliseconds>(until(0.9) - std::chrono::steady_clock::now());
            if (!state->task_group->join(std::max(time, milliseconds(1)))) {
                state->abandoned = true;
                left += left.empty() ? "" : ", ";
                left += "tasks:";
                for (const auto& task : state->task_group->running()) left += " " + task;
            }
            std::size_t threads = 0;
            poll(until(0.95), [&] { return (threads = threads_named(state->thread_name)) == 0; });
            // What still runs inside of the plugin would crash without it.
            if (!calls_ended || threads > 0) state->abandoned = true;
            if (!state->abandoned) state->plugin.reset();
            if (threads > 0) {
                left += left.empty() ? "" : ", ";
                left += std::to_string(threads) + (threads == 1 ? " thread" : " threads");
            }
            if (!left.empty())
                return Error(Errc::internal, "left behind after stop: " + left,
                             "This is a mistake in the plugin " + state->library->id() + "; tell its author.");
            if (!stopped) return stopped;
            state->set_phase(Phase::stopped);
            return ok;
        },
        std::move(done));
}

Result<void> Instance::wait(const std::function<void(Done)>& begin) {
    struct Answer {
        std::mutex mutex;
        std::condition_variable given;
        std::optional<Result<void>> result;  // guarded by mutex
    };
    const auto answer = std::make_shared<Answer>();  // owners: this call and the verb
    begin([answer](Result<void> result) {
        const std::lock_guard lock(answer->mutex);
        answer->result = std::move(result);
        answer->given.notify_all();
    });
    std::unique_lock lock(answer->mutex);
    answer->given.wait(lock, [&] { return answer->result.has_value(); });
    return *answer->result;
}

std::string_view to_string(Instance::Phase phase) {
    switch (phase) {
        case Instance::Phase::created: return "created";
        case Instance::Phase::starting: return "starting";
        case Instance::Phase::ready: return "ready";
        case Instance::Phase::draining: return "draining";
        case Instance::Phase::stopped: return "stopped";
        case Instance::Phase::failed: return "failed";
    }
    return "failed";
}

}  // namespace drover::host
