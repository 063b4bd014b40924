#include "kernel/server.hpp"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <random>
#include <set>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"
#include "kernel/control.hpp"
#include "kernel/home.hpp"
#include "kernel/live_settings.hpp"
#include "kernel/version.hpp"

namespace drover::core {
namespace {

using namespace std::chrono_literals;
using host::Instance;
using std::chrono::milliseconds;

/// While something is awaited, the log says what, this often.
constexpr auto kSayWhatIsAwaited = 10s;

std::string host_name() {
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    return name;
}

std::string random_suffix() {
    std::random_device device;
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (int i = 0; i < 8; ++i) text += kDigits[device() % 16];
    return text;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

milliseconds since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
}

}  // namespace

namespace {

Result<std::pair<GivenSettings, Catalogue>> read_and_find(const GivenSettings::Sources& sources) {
    auto given = GivenSettings::read(sources);
    if (!given) return given.error();
    std::vector<std::filesystem::path> folders;
    // An installed SDK without Drover's own plugins has no such folder.
    if (std::filesystem::is_directory(own_plugin_folder())) folders.push_back(own_plugin_folder());
    if (const auto path = given->find("plugin.path")) {
        Option as_list;
        as_list.type = OptionType::list;
        // Named: a range-for would let the temporary result die before its first step.
        const auto listed = parse_option(as_list, path->value).value();
        for (const auto& folder : std::get<std::vector<std::string>>(listed)) folders.emplace_back(folder);
    }
    const auto home = given->find("server.home");
    const std::filesystem::path home_folder = home ? home->value : std::string("drover-home");
    const auto cache = std::filesystem::is_directory(home_folder / "cache") ? Home::catalogue_cache(home_folder)
                                                                            : std::filesystem::path();
    auto catalogue = find_plugins(folders, cache);
    if (!catalogue) return catalogue.error();
    return std::pair(std::move(*given), std::move(*catalogue));
}

}  // namespace

Result<std::pair<Catalogue, Settings>> prepare_settings(const GivenSettings::Sources& sources) {
    auto found = read_and_find(sources);
    if (!found) return found.error();
    auto settings = Settings::make(std::move(found->first), found->second);
    if (!settings) return settings.error();
    return std::pair(std::move(found->second), std::move(*settings));
}

Result<std::unique_ptr<Prepared>> prepare(const GivenSettings::Sources& sources) {
    auto found = read_and_find(sources);
    if (!found) return found.error();
    auto prepared = std::make_unique<Prepared>();
    prepared->catalogue = std::move(found->second);
    auto composed = compose(std::move(found->first), prepared->catalogue);
    if (!composed) return composed.error();
    prepared->settings = std::move(composed->first);
    prepared->composition = std::move(composed->second);
    return prepared;
}

struct Server::State {
    State(GivenSettings::Sources from, std::unique_ptr<Prepared> all)
        : sources(std::move(from)),
          prepared(std::move(all)),
          sink(make_log_sink(prepared->settings.text("log.format") == "json" ? LogFormat::json : LogFormat::text,
                             level_of(prepared->settings.text("log.level")), prepared->settings.text("log.file"))),
          log(sink, "kernel"),
          live(*prepared,
               {.is_ready = [this](std::size_t i) { return loaded && instances[i]->phase() == Instance::Phase::ready; },
                .reconfigure =
                    [this](std::size_t i, Config config) {
                        return Instance::wait([&](Instance::Done done) {
                            instances[i]->reconfigure(std::move(config), timeout("server.start-timeout"), done);
                        });
                    }},
               log) {}

    static LogLevel level_of(const std::string& name) {
        if (name == "debug") return LogLevel::debug;
        if (name == "warning") return LogLevel::warning;
        if (name == "error") return LogLevel::error;
        return LogLevel::info;
    }

    /// Verbs that were begun and have not ended.
    struct Running {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::pair<std::size_t, Result<void>>> ended;  // guarded by mutex
    };

    Result<void> load();
    void connect(std::size_t instance);
    Result<void> start();
    void stop_all(bool drain);
    /// Begins `verb` for every instance as soon as `ready(i)` allows, until all of `wanted` ended. An error
    /// of one is kept; `on_error` may end the beginning of more.
    void in_order(const std::string& verb, const std::vector<std::size_t>& wanted,
                  const std::function<bool(std::size_t)>& may_begin,
                  const std::function<void(std::size_t, Instance::Done)>& begin,
                  const std::function<bool(std::size_t, const Result<void>&, milliseconds)>& on_end);
    milliseconds timeout(std::string_view key) const { return prepared->settings.duration(key); }
    /// Asked to stop a second time: nothing more is drained.
    bool in_a_hurry() const {
        const std::lock_guard lock(mutex);
        return stops > 1;
    }
    bool stop_requested() const {
        const std::lock_guard lock(mutex);
        return stops > 0;
    }

    const GivenSettings::Sources sources;
    std::unique_ptr<Prepared> prepared;
    std::shared_ptr<LogSink> sink;  // owners: this and every logger
    Logger log;
    std::optional<Home> home;
    Metrics metrics;
    std::unique_ptr<host::Runtime> runtime;
    std::shared_ptr<Running> running = std::make_shared<Running>();  // owners: this and verbs that hang
    std::vector<std::unique_ptr<Instance>> instances;                // in the order of the composition
    std::vector<bool> is_started;
    bool orderly = true;

    mutable std::mutex mutex;
    std::condition_variable stop_changed;
    int stops = 0;                    // guarded by mutex
    std::string stop_why;             // guarded by mutex
    std::atomic<bool> loaded{false};  // `instances` do not change any more
    LiveSettings live;                // last: it calls instances
};

void Server::State::in_order(const std::string& verb, const std::vector<std::size_t>& wanted,
                             const std::function<bool(std::size_t)>& may_begin,
                             const std::function<void(std::size_t, Instance::Done)>& begin,
                             const std::function<bool(std::size_t, const Result<void>&, milliseconds)>& on_end) {
    std::vector<std::size_t> waiting = wanted;
    std::map<std::size_t, std::chrono::steady_clock::time_point> under_way;
    bool go_on = true;
    for (;;) {
        for (std::size_t k = 0; go_on && k < waiting.size();) {
            const auto i = waiting[k];
            if (!may_begin(i)) {
                ++k;
                continue;
            }
            waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(k));
            under_way[i] = std::chrono::steady_clock::now();
            begin(i, [shared = running, i](Result<void> result) {
                const std::lock_guard lock(shared->mutex);
                shared->ended.emplace_back(i, std::move(result));
                shared->changed.notify_all();
            });
        }
        if (under_way.empty()) return;
        std::unique_lock lock(running->mutex);
        if (!running->changed.wait_for(lock, kSayWhatIsAwaited, [&] { return !running->ended.empty(); })) {
            lock.unlock();
            std::vector<std::string> names;
            for (const auto& [i, since_when] : under_way)
                names.push_back(instances[i]->name() + " (" + std::to_string(since(since_when).count() / 1000) + " s)");
            log.info("still waiting", {{"for", verb}, {"plugins", join(names)}});
            continue;
        }
        auto [i, result] = std::move(running->ended.front());
        running->ended.pop_front();
        lock.unlock();
        const auto took = since(under_way[i]);
        under_way.erase(i);
        if (!on_end(i, result, took)) go_on = false;
    }
}

namespace {

/// Everything that the plugins of one process declare; a plugin with several instances declares once.
struct Declared {
    std::shared_ptr<std::vector<ResourceType>> resource_types = std::make_shared<std::vector<ResourceType>>();
    std::shared_ptr<std::vector<ApiType>> api_types = std::make_shared<std::vector<ApiType>>();
    std::shared_ptr<std::vector<ProcessDefinition>> processes = std::make_shared<std::vector<ProcessDefinition>>();

    void add(const Descriptor& descriptor) {
        const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
        append(*resource_types, descriptor.resource_types);
        append(*api_types, descriptor.api_types);
        append(*processes, descriptor.processes);
    }
};

/// What `provider` has under an interface's id; null when it has none.
std::shared_ptr<void> facade_of(const Instance& provider, const std::string& interface_id) {
    for (const auto& service : provider.services())
        if (service.declared.id == interface_id) return service.facade;
    return nullptr;
}

}  // namespace

Result<void> Server::State::load() {
    const auto& composition = prepared->composition;
    Declared declared;
    std::set<std::string> ids;
    std::vector<std::shared_ptr<const host::Library>> libraries;
    for (const auto& planned : composition.instances) {
        auto library = host::Library::load(planned.plugin->file, home->plugin_copies());
        if (!library) return library.error();
        if (ids.insert((*library)->id()).second) declared.add((*library)->descriptor());
        libraries.push_back(std::move(*library));
    }
    auto name = prepared->settings.text("server.name");
    if (name.empty()) name = host_name();
    const host::HostServices services{
        .executor = runtime->executor(),
        .clock = &runtime->clock(),
        .log = log,
        .metrics = &metrics,
        .server = {.id = name + "-" + random_suffix(),
                   .name = name,
                   .home = home->folder().string(),
                   .version = kVersion,
                   .profile = prepared->settings.text("server.profile")},
        .resource_types = declared.resource_types,
        .api_types = declared.api_types,
        .processes = declared.processes,
        .settings = [this] { return live.known(); },
        .offer_settings = [this](StoredSettings stored) { live.offer(std::move(stored)); },
        .composition =
            [this] {
                std::vector<PluginStatus> all;
                for (const auto& instance : instances) all.push_back(instance->status());
                return all;
            },
    };
    for (std::size_t i = 0; i < libraries.size(); ++i)
        instances.push_back(std::make_unique<Instance>(composition.instances[i].name, libraries[i], services));
    is_started.assign(instances.size(), false);
    for (std::size_t i = 0; i < instances.size(); ++i) connect(i);
    loaded = true;
    return ok;
}

void Server::State::connect(std::size_t i) {
    const auto& planned = prepared->composition.instances[i];
    for (const auto& need : planned.plugin->needs) {
        const auto bound = planned.bindings.find(need.id);
        if (bound == planned.bindings.end()) continue;
        if (auto facade = facade_of(*instances[bound->second], need.id)) instances[i]->connect(need, facade);
    }
    for (const auto& collected : planned.plugin->collects) {
        for (const auto from : planned.collected.at(collected.id))
            if (auto facade = facade_of(*instances[from], collected.id))
                instances[i]->collect(collected, instances[from]->name(), facade);
    }
}

Result<void> Server::State::start() {
    const auto& composition = prepared->composition;
    const auto at_most = timeout("server.start-timeout");
    std::vector<std::size_t> everyone(instances.size());
    for (std::size_t i = 0; i < everyone.size(); ++i) everyone[i] = i;
    std::optional<Error> first_error;
    in_order(
        "create", everyone, [](std::size_t) { return true; },
        [&](std::size_t i, Instance::Done done) {
            const auto& planned = composition.instances[i];
            instances[i]->create(prepared->settings.config_of(planned.name, *planned.plugin).value(), at_most, done);
        },
        [&](std::size_t, const Result<void>& result, milliseconds) {
            if (!result && !first_error) first_error = result.error();
            return true;
        });
    if (first_error) return *first_error;
    in_order(
        "start", everyone,
        [&](std::size_t i) {
            for (const auto used : composition.used_by(i))
                if (!is_started[used]) return false;
            return !stop_requested();
        },
        [&](std::size_t i, Instance::Done done) { instances[i]->start(at_most, done); },
        [&](std::size_t i, const Result<void>& result, milliseconds took) {
            if (result) {
                is_started[i] = true;
                live.catch_up();
                log.info("plugin ready", {{"plugin", instances[i]->name()}, {"ms", took.count()}});
                return true;
            }
            log.error("plugin cannot start", {{"plugin", instances[i]->name()}, {"error", result.error().describe()}});
            if (!first_error) first_error = result.error();
            return false;
        });
    if (first_error) return *first_error;
    live.settle();
    return ok;
}

void Server::State::stop_all(bool drain) {
    live.close();
    // Consumers before providers: an instance stops once all that are bound to it have ended.
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < instances.size(); ++i)
        if (instances[i]->phase() != Instance::Phase::created || is_started[i]) wanted.push_back(i);
    std::reverse(wanted.begin(), wanted.end());
    std::vector<bool> ended(instances.size(), true);
    const auto users_ended = [&](std::size_t provider) {
        for (const auto i : wanted) {
            if (ended[i]) continue;
            const auto used = prepared->composition.used_by(i);
            if (std::find(used.begin(), used.end(), provider) != used.end()) return false;
        }
        return true;
    };
    const auto report = [&](const std::string& verb, std::size_t i, const Result<void>& result, milliseconds took) {
        ended[i] = true;
        if (result) {
            log.debug("plugin done", {{"plugin", instances[i]->name()}, {"verb", verb}, {"ms", took.count()}});
        } else {
            orderly = false;
            log.error("plugin in disorder",
                      {{"plugin", instances[i]->name()}, {"verb", verb}, {"error", result.error().describe()}});
        }
        return true;
    };
    if (drain) {
        for (const auto i : wanted) ended[i] = false;
        in_order(
            "drain", wanted, users_ended,
            [&](std::size_t i, Instance::Done done) {
                if (instances[i]->phase() == Instance::Phase::ready && !in_a_hurry())
                    instances[i]->drain(timeout("server.drain-timeout"), done);
                else done(ok);
            },
            [&](std::size_t i, const Result<void>& result, milliseconds took) {
                return report("drain", i, result, took);
            });
    }
    for (const auto i : wanted) ended[i] = false;
    in_order(
        "stop", wanted, users_ended,
        [&](std::size_t i, Instance::Done done) { instances[i]->stop(timeout("server.stop-timeout"), done); },
        [&](std::size_t i, const Result<void>& result, milliseconds took) { return report("stop", i, result, took); });
}

Server::Server(GivenSettings::Sources sources, std::unique_ptr<Prepared> prepared)
    : state_(std::make_unique<State>(std::move(sources), std::move(prepared))) {}
Server::~Server() = default;

void Server::request_stop(std::string why) {
    const std::lock_guard lock(state_->mutex);
    ++state_->stops;
    if (state_->stop_why.empty()) state_->stop_why = std::move(why);
    state_->stop_changed.notify_all();
}

Result<std::string> Server::reload() {
    return state_->live.reload([this] { return prepare(state_->sources); });
}

std::vector<PluginStatus> Server::status() const {
    std::vector<PluginStatus> all;
    for (const auto& instance : state_->instances) all.push_back(instance->status());
    return all;
}

bool Server::left_something_behind() const { return !state_->orderly; }

Result<void> Server::run() {
    auto& state = *state_;
    const auto begin = std::chrono::steady_clock::now();
    auto name = state.prepared->settings.text("server.name");
    auto home = Home::open(state.prepared->settings.text("server.home"), name.empty() ? host_name() : name);
    if (!home) return home.error();
    state.home.emplace(std::move(*home));
    state.log.info("starting", {{"version", kVersion},
                                {"config", state.sources.config_file.string()},
                                {"home", state.home->folder().string()},
                                {"profile", state.prepared->settings.text("server.profile")}});
    for (const auto& refused : state.prepared->catalogue.refused)
        state.log.warning("file on the plugin path refused", {{"error", refused.error.describe()}});

    std::size_t threads = 2;
    if (const auto text = state.prepared->settings.text("server.threads"); !text.empty()) threads = std::stoul(text);
    state.runtime = std::make_unique<host::Runtime>(threads, state.log.named("executor"));
    if (auto loaded = state.load(); !loaded) return loaded;
    auto started = state.start();
    if (!started) {
        state.log.error("cannot start; stopping what was started", {{"error", started.error().describe()}});
        state.stop_all(false);
        return started;
    }
    std::unique_ptr<ControlSocket> control;
    if (!state.stop_requested()) {
        auto opened = ControlSocket::open(
            state.home->control_socket(), state.log,
            {{"plan",
              [&state](bool as_json) -> Result<std::string> {
                  return as_json ? plan_as_json(state.prepared->composition)
                                 : plan_as_text(state.prepared->composition);
              }},
             {"status", [this](bool as_json) -> Result<std::string> { return status_text(status(), as_json); }},
             {"reload", [this](bool) { return reload(); }},
             {"drain", [this](bool) -> Result<std::string> {
                  request_stop("drain was asked for on the control socket");
                  return std::string("draining; the server leaves when it is done");
              }}});
        if (!opened) {
            state.stop_all(false);
            return opened.error();
        }
        control = std::move(*opened);
        state.log.info("ready", {{"ms", since(begin).count()}, {"plugins", state.instances.size()}});
    }
    {
        std::unique_lock lock(state.mutex);
        state.stop_changed.wait(lock, [&] { return state.stops > 0; });
        const auto why = state.stop_why;
        lock.unlock();
        state.log.info("stopping", {{"why", why}});
    }
    control.reset();
    state.stop_all(true);
    state.log.info("stopped", {{"orderly", state.orderly}});
    if (!state.orderly)
        return Error(Errc::internal, "the server stopped, but not in order: see the errors in its log above");
    return ok;
}

}  // namespace drover::core
