#include "auth.hpp"

#include <algorithm>
#include <array>

#include "drover/secrets.hpp"
#include "errors.hpp"
#include "json_text.hpp"
#include "schema_sets.hpp"

namespace drover::rest {
namespace {

std::optional<std::string> base64_decoded(std::string_view text) {
    std::string decoded;
    unsigned bits = 0;
    int count = 0;
    while (!text.empty() && text.back() == '=') text.remove_suffix(1);
    for (const char c : text) {
        unsigned digit = 0;
        if (c >= 'A' && c <= 'Z') digit = static_cast<unsigned>(c - 'A');
        else if (c >= 'a' && c <= 'z') digit = static_cast<unsigned>(c - 'a' + 26);
        else if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0' + 52);
        else if (c == '+' || c == '-') digit = 62;
        else if (c == '/' || c == '_') digit = 63;
        else return std::nullopt;
        bits = (bits << 6 | digit) & 0xFFFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        decoded += static_cast<char>(bits >> count & 0xFF);
    }
    return decoded;
}

constexpr std::size_t kLongestHeader = 8 * 1024;
constexpr std::string_view kNobody = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

}  // namespace

std::optional<std::pair<std::string, std::string>> parse_basic(std::string_view authorization) {
    if (authorization.size() < 6 || authorization.size() > kLongestHeader) return std::nullopt;
    if (lower(authorization.substr(0, 6)) != "basic ") return std::nullopt;
    authorization.remove_prefix(6);
    while (authorization.starts_with(' ')) authorization.remove_prefix(1);
    while (authorization.ends_with(' ')) authorization.remove_suffix(1);
    const auto text = base64_decoded(authorization);
    if (!text || !is_utf8(*text)) return std::nullopt;
    const auto colon = text->find(':');
    if (colon == std::string::npos) return std::nullopt;
    return std::pair(text->substr(0, colon), text->substr(colon + 1));
}

double FailedLogins::left_at(const Allowance& allowance, TimePoint now) {
    const auto passed = std::chrono::duration<double>(now - allowance.at).count();
    return std::min(kAtOnce, allowance.left + std::max(0.0, passed) * kPerSecond);
}

bool FailedLogins::may_try(const std::string& address, TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto found = allowances_.find(address);
    return found == allowances_.end() || left_at(found->second, now) >= 1;
}

void FailedLogins::failed(const std::string& address, TimePoint now) {
    const std::lock_guard lock(mutex_);
    if (allowances_.size() >= kMostAddresses && !allowances_.contains(address)) {
        std::erase_if(allowances_, [&](const auto& one) { return left_at(one.second, now) >= kAtOnce; });
        if (allowances_.size() >= kMostAddresses) make_room(now);
    }
    auto [at, fresh] = allowances_.try_emplace(address);
    const double left = fresh ? kAtOnce : left_at(at->second, now);
    at->second = {std::max(0.0, left - 1), now};
}

void FailedLogins::make_room(TimePoint now) {
    // All of them failed lately: a tenth, those that failed least, makes room.
    std::vector<std::pair<double, std::string>> by_left;
    for (const auto& [address, allowance] : allowances_) by_left.emplace_back(left_at(allowance, now), address);
    const auto end = by_left.begin() + static_cast<std::ptrdiff_t>(by_left.size() / 10);
    std::nth_element(by_left.begin(), end, by_left.end(), std::greater<>());
    for (auto one = by_left.begin(); one != end; ++one) allowances_.erase(one->second);
}

std::size_t FailedLogins::addresses() const {
    const std::lock_guard lock(mutex_);
    return allowances_.size();
}

Authenticator::Authenticator(Context& context, Reads& reads, LiveSettingsReader& settings, bool security)
    : context_(context),
      reads_(reads),
      settings_(settings),
      security_(security),
      salt_(random_hex(32)),
      pool_(context.make_blocking_pool(2, 64)) {}

Authenticator::~Authenticator() { pool_->close(std::chrono::seconds(2)); }

void Authenticator::forget() {
    const std::lock_guard lock(mutex_);
    known_.clear();
    ++generation_;
}

std::uint64_t Authenticator::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

std::optional<Caller> Authenticator::remembered(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    if (found == known_.end() || found->second.until < context_.clock().now()) return std::nullopt;
    return found->second.caller;
}

void Authenticator::remember(const std::string& key, const Caller& caller, std::uint64_t generation) {
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;  // what was read may be what changed
    if (known_.size() >= kMostRemembered) known_.clear();
    known_[key] = {caller, context_.clock().now() + kRemembered};
}

Caller Authenticator::caller_of(const Record& account, bool authenticated) const {
    Caller caller;
    caller.account_id = account.id();
    caller.kind = std::string(account["kind"].text());
    caller.name = std::string(account["name"].text());
    caller.authenticated = authenticated;
    const auto policy = settings_.policy(caller.kind);
    caller.all_accounts = policy.all_accounts;
    caller.plain_ids = policy.plain_ids;
    caller.removed_visible = policy.removed_visible;
    caller.subscription = policy.subscription;
    return caller;
}

Async<Result<Caller>> Authenticator::identify(std::string authorization, std::string remote) {
    const auto given = parse_basic(authorization);
    if (given) {
        // The secret itself is not kept, and its hash is worth nothing outside this process.
        const auto key = given->first + '\n' + hash_generated_secret(salt_ + given->second);
        if (auto known = remembered(key)) co_return std::move(*known);
        const auto now = context_.clock().now();
        if (security_ && !failures_.may_try(remote, now))
            co_return refusal(429, "Too Many Requests", {},
                              "too many failed logins from this address; try again later");
        const auto before = generation();
        auto caller = co_await by_key(given->first, given->second);
        if (caller) {
            remember(key, *caller, before);
            co_return std::move(*caller);
        }
        if (caller.error().code() != Errc::denied) co_return caller.error();
        if (security_) failures_.failed(remote, now);
    }
    if (security_) co_return refusal(401, "Unauthorized");
    co_return co_await first_administrator();
}

Async<Result<bool>> Authenticator::matches(std::string secret, std::string stored) {
    if (!is_slow_secret(stored)) co_return verify_secret(secret, stored);
    const auto work = [secret = std::move(secret), stored = std::move(stored)]() -> Result<bool> {
        return verify_secret(secret, stored);
    };
    auto verifying = blocking(*pool_, context_.clock(), reads_.deadline(), work);
    co_return co_await std::move(verifying);
}

Async<Result<Caller>> Authenticator::by_key(std::string name, std::string secret) {
    const auto refused = refusal(401, "Unauthorized");
    if (name.empty() || secret.empty()) co_return refused;
    Condition kinds{"kind", Op::in, {}};
    for (const auto& kind : settings_.get()->credential_kinds) kinds.values.emplace_back(kind);
    Query query;
    query.type = "credential";
    query.where = {
        {{"publicValue", Op::eq, {Value(name)}}}, {{"state", Op::eq, {Value("active")}}}, {std::move(kinds)}};
    query.limit = 10;
    auto found = co_await reads_.query_primary(std::move(query));
    if (!found) co_return found.error();
    if (found->rows.empty()) static_cast<void>(verify_secret(secret, kNobody));  // as long as for a key that exists
    for (const auto& row : found->rows) {
        auto same = co_await matches(secret, std::string(row.record["secretValue"].text()));
        if (!same) co_return same.error();
        const auto* account_id = row.record["accountId"].if_integer();
        if (!*same || !account_id) continue;
        auto account = co_await reads_.get_primary("account", *account_id);
        if (!account && account.error().code() == Errc::not_found) continue;
        if (!account) co_return account.error();
        if ((*account)["state"].text() != "active") continue;
        auto caller = caller_of(*account, true);
        if (security_ && !SchemaSets::knows(caller.kind)) continue;
        co_return std::move(caller);
    }
    co_return refused;
}

Async<Result<Caller>> Authenticator::first_administrator() {
    const std::string key = "\n";  // no name of a credential
    if (auto known = remembered(key)) co_return std::move(*known);
    const auto before = generation();
    Query query;
    query.type = "account";
    query.where = {{{"kind", Op::eq, {Value("admin")}}},
                   {{"state", Op::in, {Value("active"), Value("updating-active")}}}};
    query.limit = 1;
    auto found = co_await reads_.query_primary(std::move(query));
    if (!found) co_return found.error();
    if (found->rows.empty())
        co_return refusal(503, "Service Unavailable", {}, "there is no active account of the kind admin");
    auto caller = caller_of(found->rows.front().record, false);
    remember(key, caller, before);
    co_return std::move(caller);
}

}  // namespace drover::rest
