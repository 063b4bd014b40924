#include "kernel/live_settings.hpp"

#include <pthread.h>

namespace drover::core {
namespace {

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::vector<KnownSetting> known_of(const Settings& settings) {
    std::vector<KnownSetting> all;
    for (const auto& [key, setting] : settings.all()) {
        const auto& option = setting.known.option;
        const bool is_secret = option.type == OptionType::secret;
        all.push_back({.key = key,
                       .value = is_secret ? std::nullopt : setting.value,
                       .fallback = is_secret ? std::nullopt : option.fallback,
                       .source = setting.source,
                       .is_live = option.is_live,
                       .is_secret = is_secret});
    }
    return all;
}

struct Difference {
    std::vector<std::string> live;
    std::vector<std::string> others;
};

Difference difference(const Settings& before, const Settings& after) {
    Difference found;
    const auto add = [&](const std::string& key, const Setting& setting) {
        (setting.known.option.is_live ? found.live : found.others).push_back(key);
    };
    for (const auto& [key, setting] : after.all()) {
        const auto old = before.all().find(key);
        if (old == before.all().end() || old->second.value != setting.value) add(key, setting);
    }
    for (const auto& [key, setting] : before.all())
        if (setting.known.option.is_pattern() && !after.all().contains(key)) add(key, setting);
    return found;
}

}  // namespace

LiveSettings::LiveSettings(const Prepared& prepared, Instances instances, Logger log)
    : prepared_(prepared),
      instances_(std::move(instances)),
      log_(std::move(log)),
      in_force_(prepared.settings),
      known_(known_of(prepared.settings)) {
    for (const auto& planned : prepared.composition.instances)
        told_.push_back(prepared.settings.values_of(planned.name, *planned.plugin));
    thread_ = std::thread([this] { serve(); });
    pthread_setname_np(thread_.native_handle(), "settings");
}

LiveSettings::~LiveSettings() { close(); }

std::vector<KnownSetting> LiveSettings::known() const {
    const std::lock_guard lock(mutex_);
    return known_;
}

void LiveSettings::offer(StoredSettings stored) {
    const std::lock_guard lock(mutex_);
    offered_ = std::move(stored);
    changed_.notify_all();
}

void LiveSettings::catch_up() {
    const std::lock_guard lock(mutex_);
    behind_ = true;
    changed_.notify_all();
}

void LiveSettings::settle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ending_ || (!busy_ && !behind_ && !offered_); });
}

void LiveSettings::close() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        changed_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    const std::lock_guard lock(changing_);
    closed_ = true;
}

void LiveSettings::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return ending_ || behind_ || offered_; });
        if (ending_) return;
        auto offered = std::exchange(offered_, std::nullopt);
        behind_ = false;
        busy_ = true;
        lock.unlock();
        {
            const std::lock_guard one_at_a_time(changing_);
            if (offered) {
                stored_ = std::move(*offered);
                take(with_stored());
            }
            (void)tell();  // it logs what came of it
        }
        lock.lock();
        busy_ = false;
        changed_.notify_all();
    }
}

/// What was read last, and what the store holds.
Settings LiveSettings::with_stored() {
    const auto& read = read_again_ ? *read_again_ : prepared_;
    std::vector<IgnoredSetting> ignored;
    auto settings = read.settings.with_stored(stored_, read.catalogue, ignored);
    for (const auto& one : ignored)
        if (ignored_.insert(one.key).second)
            log_.warning("stored setting ignored", {{"key", one.key}, {"why", one.why}});
    return settings;
}

void LiveSettings::take(Settings settings) {
    auto merged = in_force_.with_live_of(settings);
    if (const auto changes = difference(in_force_, merged); !changes.live.empty())
        log_.info("settings changed", {{"keys", join(changes.live)}});
    in_force_ = std::move(merged);
    auto known = known_of(in_force_);
    const std::lock_guard lock(mutex_);
    known_ = std::move(known);
}

/// Every instance whose options are not those it was told.
Result<void> LiveSettings::tell() {
    std::optional<Error> first_error;
    for (std::size_t i = 0; i < told_.size(); ++i) {
        if (!instances_.is_ready(i)) continue;
        const auto& planned = prepared_.composition.instances[i];
        auto values = in_force_.values_of(planned.name, *planned.plugin);
        if (values == told_[i]) continue;
        auto config = Config::make(planned.plugin->options, values);
        const auto done = config ? instances_.reconfigure(i, std::move(*config)) : Result<void>(config.error());
        if (done) {
            told_[i] = std::move(values);
            continue;
        }
        log_.error("plugin did not take its new options",
                   {{"plugin", planned.name}, {"error", done.error().describe()}});
        if (!first_error) first_error = done.error();
    }
    if (first_error) return *first_error;
    return ok;
}

Result<std::string> LiveSettings::reload(const std::function<Result<std::unique_ptr<Prepared>>()>& read) {
    const std::lock_guard one_at_a_time(changing_);
    if (closed_) return Error(Errc::unavailable, "the server is stopping");
    auto anew = read();
    if (!anew) {
        log_.error("configuration not applied; the old one stays", {{"error", anew.error().describe()}});
        return anew.error();
    }
    read_again_ = std::move(*anew);
    auto settings = with_stored();
    const auto changes = difference(in_force_, settings);
    take(std::move(settings));
    if (auto told = tell(); !told) return told.error();
    log_.info("configuration read again", {{"applied", join(changes.live)}, {"after_restart", join(changes.others)}});
    return "applied: " + (changes.live.empty() ? "nothing" : join(changes.live)) +
           (changes.others.empty() ? "" : "\nafter a restart: " + join(changes.others));
}

}  // namespace drover::core
