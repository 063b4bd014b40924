#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "rest_api.hpp"

namespace drover::rest {

/// What accounts of one kind may do.
struct Policy {
    bool all_accounts = false;
    bool plain_ids = false;
    bool removed_visible = false;
    SubscriptionStyle subscription = SubscriptionStyle::account;
};

/// The settings that requests look at, read together about once a second.
struct LiveSettings {
    std::int64_t show_removed_for = 300'000;  ///< milliseconds
    bool allow_client_override = false;
    std::set<std::string> unpublished{"publish"};  ///< types whose changes are not told
    std::vector<std::string> credential_kinds{"apiKey", "usernamePassword"};
    std::string realm;
    TimePoint read_at{};
};

/// Thread-safety: any thread.
class LiveSettingsReader {
public:
    LiveSettingsReader(Engine& engine, Clock& clock) : engine_(engine), clock_(clock) {}
    std::shared_ptr<const LiveSettings> get();
    Policy policy(const std::string& kind);
    void forget();

private:
    Engine& engine_;
    Clock& clock_;
    std::mutex mutex_;
    std::shared_ptr<const LiveSettings> now_{};  // guarded by mutex_; owners: this and requests
    std::map<std::string, Policy> policies_;     // guarded by mutex_; of the kinds met
};

}  // namespace drover::rest
