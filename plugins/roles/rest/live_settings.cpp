#include "live_settings.hpp"

#include <charconv>

namespace drover::rest {
namespace {

std::vector<std::string> words(std::string_view list) {
    std::vector<std::string> found;
    while (!list.empty()) {
        const auto end = std::min(list.find(','), list.size());
        auto word = list.substr(0, end);
        list.remove_prefix(std::min(end + 1, list.size()));
        while (word.starts_with(' ')) word.remove_prefix(1);
        while (word.ends_with(' ')) word.remove_suffix(1);
        if (!word.empty()) found.emplace_back(word);
    }
    return found;
}

bool flag(const std::string& text, bool otherwise) {
    if (text == "true") return true;
    return text == "false" ? false : otherwise;
}

Policy declared_policy(std::string_view kind) {
    Policy policy;
    if (kind == "admin" || kind == "superadmin") policy.all_accounts = true;
    if (kind == "admin" || kind == "readAdmin" || kind == "superadmin") policy.subscription = SubscriptionStyle::raw;
    if (kind == "agent") {
        policy.plain_ids = true;
        policy.subscription = SubscriptionStyle::agent;
    }
    return policy;
}

constexpr auto kGoodFor = std::chrono::seconds(1);
constexpr std::size_t kMostKinds = 100;

}  // namespace

std::shared_ptr<const LiveSettings> LiveSettingsReader::get() {
    const auto now = clock_.now();
    {
        const std::lock_guard lock(mutex_);
        if (now_ && now - now_->read_at < kGoodFor) return now_;
    }
    auto fresh = std::make_shared<LiveSettings>();
    const auto seconds = engine_.setting("api.show.removed.for.seconds");
    std::int64_t number = 0;
    if (const auto read = std::from_chars(seconds.data(), seconds.data() + seconds.size(), number);
        read.ec == std::errc() && number >= 0 && number < 1'000'000'000)
        fresh->show_removed_for = number * 1'000;
    fresh->allow_client_override = flag(engine_.setting("api.allow.client.override"), false);
    if (const auto types = words(engine_.setting("api.event.change.exclude.types")); !types.empty())
        fresh->unpublished = std::set<std::string>(types.begin(), types.end());
    if (auto kinds = words(engine_.setting("account.by.key.credential.types")); !kinds.empty())
        fresh->credential_kinds = std::move(kinds);
    fresh->realm = engine_.setting("api.auth.realm");
    if (fresh->realm.empty()) fresh->realm = "Enter API access key and secret key as username and password";
    fresh->read_at = now;
    const std::lock_guard lock(mutex_);
    now_ = std::move(fresh);
    policies_.clear();
    return now_;
}

Policy LiveSettingsReader::policy(const std::string& kind) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = policies_.find(kind); found != policies_.end()) return found->second;
    }
    auto policy = declared_policy(kind);
    const auto key = "account.type." + kind + ".";
    policy.all_accounts = flag(engine_.setting(key + "all.accounts"), policy.all_accounts);
    policy.plain_ids = flag(engine_.setting(key + "plain.id"), policy.plain_ids);
    policy.removed_visible = flag(engine_.setting(key + "removed.visible"), policy.removed_visible);
    const auto style = engine_.setting(key + "subscription.style");
    if (style == "raw") policy.subscription = SubscriptionStyle::raw;
    else if (style == "agent") policy.subscription = SubscriptionStyle::agent;
    else if (style == "account" || style == "qualified") policy.subscription = SubscriptionStyle::account;
    const std::lock_guard lock(mutex_);
    if (policies_.size() < kMostKinds) policies_[kind] = policy;
    return policy;
}

void LiveSettingsReader::forget() {
    const std::lock_guard lock(mutex_);
    now_.reset();
    policies_.clear();
}

}  // namespace drover::rest
