#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/context.hpp"
#include "drover/engine/engine.hpp"

namespace drover::engine {

/// The settings in force, as everybody on this server sees them.
/// Thread-safety: every method may be called from any thread.
class Settings {
public:
    explicit Settings(Context& context) : context_(context) {}

    std::string get(std::string_view key);
    /// None: it is set nowhere and has no default.
    std::optional<std::string> find(std::string_view key);
    std::int64_t integer(std::string_view key, std::int64_t otherwise);
    double real(std::string_view key, double otherwise);
    bool flag(std::string_view key, bool otherwise);
    /// Written with a unit, or as plain milliseconds.
    std::chrono::milliseconds duration(std::string_view key, std::chrono::milliseconds otherwise);
    std::vector<SettingValue> all();

    /// What the store holds now: the kernel is told, and what is remembered here forgotten. True when it differs
    /// from before.
    bool offer(std::map<std::string, std::string> stored);
    void forget();

private:
    struct Snapshot {
        std::map<std::string, KnownSetting, std::less<>> known;
        std::map<std::string, std::string, std::less<>> stored;
        TimePoint made{};
    };
    std::shared_ptr<const Snapshot> snapshot();

    Context& context_;
    std::mutex mutex_;
    std::map<std::string, std::string> stored_;   // guarded by mutex_
    bool offered_ = false;                        // guarded by mutex_
    std::shared_ptr<const Snapshot> snapshot_{};  // guarded by mutex_; owners: this and who reads it now
};

}  // namespace drover::engine
