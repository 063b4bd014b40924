#pragma once

#include <map>
#include <mutex>

#include "live_settings.hpp"
#include "reads.hpp"

namespace drover::rest {

/// Slows guessing down: each address has a few failures at hand, which come back with time. Memory is bounded.
/// Thread-safety: any thread.
class FailedLogins {
public:
    static constexpr double kAtOnce = 20;  ///< failures
    static constexpr double kPerSecond = 0.5;
    static constexpr std::size_t kMostAddresses = 10'000;

    bool may_try(const std::string& address, TimePoint now);
    void failed(const std::string& address, TimePoint now);
    std::size_t addresses() const;

private:
    struct Allowance {
        double left = kAtOnce;
        TimePoint at{};
    };
    static double left_at(const Allowance& allowance, TimePoint now);
    void make_room(TimePoint now);  // under mutex_
    mutable std::mutex mutex_;
    std::map<std::string, Allowance> allowances_;  // guarded by mutex_
};

/// Who asks: by HTTP Basic, or, with security off, the first administrator.
/// Thread-safety: any thread.
class Authenticator {
public:
    Authenticator(Context& context, Reads& reads, LiveSettingsReader& settings, bool security);
    ~Authenticator();

    /// Errors: 401, 429, 503. With 401 the client is to be asked for its key.
    Async<Result<Caller>> identify(std::string authorization, std::string remote);
    /// A credential or an account changed.
    void forget();

private:
    struct Known {
        Caller caller;
        TimePoint until{};
    };
    Async<Result<Caller>> by_key(std::string name, std::string secret);
    Async<Result<Caller>> first_administrator();
    Async<Result<bool>> matches(std::string secret, std::string stored);
    Caller caller_of(const Record& account, bool authenticated) const;
    std::optional<Caller> remembered(const std::string& key);
    void remember(const std::string& key, const Caller& caller, std::uint64_t generation);
    std::uint64_t generation() const;

    static constexpr Duration kRemembered = std::chrono::seconds(10);
    static constexpr std::size_t kMostRemembered = 10'000;

    Context& context_;
    Reads& reads_;
    LiveSettingsReader& settings_;
    const bool security_;
    const std::string salt_;
    std::unique_ptr<BlockingPool> pool_;
    FailedLogins failures_;
    mutable std::mutex mutex_;
    std::map<std::string, Known> known_;  // guarded by mutex_
    std::uint64_t generation_ = 0;        // guarded by mutex_; counts `forget`
};

/// "name:secret" of an Authorization header of the scheme Basic (RFC 7617); none when it is none.
std::optional<std::pair<std::string, std::string>> parse_basic(std::string_view authorization);

}  // namespace drover::rest
