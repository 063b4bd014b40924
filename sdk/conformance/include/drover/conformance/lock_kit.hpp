#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/conformance/waiting.hpp"
#include "drover/services/lock.hpp"

/// What a lock service must do. A backend joins with
///
///     struct MyLocks : Backend { ... };
///     const auto kCases = run_lock_conformance<MyLocks>("mine");
///
/// Choose a short session in its options: many cases wait for one to end.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

using namespace std::chrono_literals;

/// Fixture of the lock cases: servers "alice", "bob" and "carol", started when a case first calls them.
class LockKit : public KitCase {
protected:
    LockService& locks(std::string_view owner) { return backend().open<LockService>(owner); }
    LockService& alice() { return locks("alice"); }
    LockService& bob() { return locks("bob"); }
    LockService& carol() { return locks("carol"); }
    bool promises(const std::string& trait);

    /// Takes a name that must come; a failure ends the case.
    Lease take(std::string_view owner, std::string name);
    Result<Lease> attempt(std::string_view owner, std::string name, Duration wait);
    void give_back(std::string_view owner, Lease lease);
    /// An acquire under way, with a deadline `wait` ahead.
    Pending<Lease> waiting(std::string_view owner, std::string name, Duration wait = kEnough);
    /// A caller who, when he goes on, looks whether he had withdrawn, as every co_await after it would.
    struct Watchful {
        Pending<Lease> lease;  ///< error internal: he had withdrawn, and was given a lease all the same
        Executor strand;       ///< the caller's
    };
    Watchful watchful(std::string_view owner, std::string name);
    std::optional<LockHolder> holder(std::string name, std::string_view asked_by = "bob");
    /// Blocks until the owner knows that the session is lost; false when that takes too long.
    bool learns_loss(std::string_view owner, const SessionPtr& session);
    /// Nobody holds it: another server can take it, at the latest when the last session that could hold it
    /// by mistake was renewed; and gives it back.
    void expect_free(std::string name, std::string_view asked_by = "carol");
    /// Lets the servers work for `round_trips` calls, so that what was begun before is under way.
    void settle(int round_trips = 3);

    static constexpr Duration kEnough = 20s;
};

std::vector<Case>& lock_cases();

/// Registers every case for `B`; returns how many.
template <class B>
std::size_t run_lock_conformance(const std::string& name) {
    return register_cases(lock_cases(), "Lock", name, [] { return std::make_unique<B>(); });
}

#define LOCK_CASE(case_name) DROVER_KIT_CASE(LockKit, lock_cases, case_name)

}  // namespace conformance
}  // namespace drover
