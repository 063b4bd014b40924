#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "drover/services/event_bus.hpp"
#include "drover/services/http_front.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/membership.hpp"
#include "drover/services/store.hpp"
#include "drover/task_group.hpp"

/// What goes wrong between a caller and a service, put on purpose around any object of the interface:
///
///     FaultPlan plan(seed, {.refuse = 0.1, .execute_and_time_out = 0.1});
///     FaultyStore store(backend.open<Store>("alice"), plan, backend.clock("alice"));
///
/// Nothing here does what the interface's own promises forbid; a caller who keeps to them survives all of it.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

enum class Fault : unsigned char {
    none,
    refuse,                ///< it did not happen: `unavailable`
    delay,                 ///< it happens late
    execute_and_time_out,  ///< it happens, but the answer is lost: `timeout`
    lose,                  ///< it does not happen, and nobody answers: `timeout`; in a stream, a gap
};
std::string_view to_string(Fault fault);

/// Can this error be the way's doing? Then the caller tries again; any other is the service's own.
inline bool lost_on_the_way(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

/// How often each kind happens, from 0 to 1; together at most 1.
struct FaultOdds {
    double refuse = 0;
    double delay = 0;
    double execute_and_time_out = 0;
    double lose = 0;
    Duration longest_delay = std::chrono::milliseconds(20);
};

/// Decides what happens to each call; the same seed decides the same again.
/// Thread-safety: every method may be called from any thread.
class FaultPlan {
public:
    explicit FaultPlan(std::uint64_t seed, FaultOdds odds = {});

    struct Drawn {
        Fault fault = Fault::none;
        Duration delay{};
    };
    /// For the next call.
    Drawn draw();
    /// For the next item of a stream, which may only come late or be lost.
    Drawn draw_item();

    /// The next `times` calls meet this one; then chance goes on.
    void next(Fault fault, std::size_t times = 1);
    void next_item(Fault fault, std::size_t times = 1);
    /// From now on nothing goes wrong any more.
    void heal();

    std::uint64_t seed() const { return seed_; }
    /// How often it happened.
    std::size_t count(Fault fault) const;
    /// "seed 17: 40 calls, 3 refuse, 2 delay, ...", for the message of a failed case.
    std::string describe() const;

private:
    Drawn drawn(std::deque<Fault>& certain, bool item);
    const std::uint64_t seed_;
    mutable std::mutex mutex_;
    FaultOdds odds_;                       // guarded by mutex_
    std::mt19937_64 random_;               // guarded by mutex_
    std::deque<Fault> certain_calls_;      // guarded by mutex_
    std::deque<Fault> certain_items_;      // guarded by mutex_
    std::array<std::size_t, 5> counts_{};  // guarded by mutex_
};

/// `inner`, `plan` and `clock` outlive each of these.

class FaultyLockService final : public LockService {
public:
    FaultyLockService(LockService& inner, FaultPlan& plan, Clock& clock) : inner_(inner), plan_(plan), clock_(clock) {}
    Async<Result<Lease>> acquire(std::string name, Deadline deadline) override;
    Async<Result<void>> release(Lease lease) override;
    Async<Result<std::optional<LockHolder>>> holder(std::string name) override;

private:
    LockService& inner_;
    FaultPlan& plan_;
    Clock& clock_;
};

/// Also what a subscriber gets may come late, or be lost, with a gap in its place.
/// Destroying it ends its subscriptions; not on a thread of the executor.
class FaultyEventBus final : public EventBus {
public:
    FaultyEventBus(EventBus& inner, FaultPlan& plan, Clock& clock, Executor executor)
        : inner_(inner), plan_(plan), clock_(clock), pumps_(std::move(executor)) {}
    Async<Result<void>> publish(std::string topic, std::string payload) override;
    Async<Result<Subscription>> subscribe(std::string topic, std::size_t capacity) override;

private:
    Async<void> pump(Subscription from, Subscription::Feed to);
    EventBus& inner_;
    FaultPlan& plan_;
    Clock& clock_;
    TaskGroup pumps_;
};

class FaultyMembership final : public MembershipService {
public:
    FaultyMembership(MembershipService& inner, FaultPlan& plan, Clock& clock)
        : inner_(inner), plan_(plan), clock_(clock) {}
    Async<Result<SessionPtr>> join(Member self, Deadline deadline) override;
    Async<Result<void>> leave(std::string id, Deadline deadline) override;
    Async<Result<Members>> members(Deadline deadline) override;
    Async<Result<MembershipWatch>> watch() override;

private:
    MembershipService& inner_;
    FaultPlan& plan_;
    Clock& clock_;
};

class FaultyStore final : public Store {
public:
    FaultyStore(Store& inner, FaultPlan& plan, Clock& clock) : inner_(inner), plan_(plan), clock_(clock) {}
    Async<Result<Migration>> migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) override;
    Async<Result<Record>> get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) override;
    Async<Result<Page>> query(Query query, Consistency consistency, Deadline deadline) override;
    Async<Result<Committed>> commit(Batch batch, Deadline deadline) override;
    Async<Result<std::optional<Committed>>> outcome(std::string batch_id, Deadline deadline) override;
    Async<Result<Position>> position(Deadline deadline) override;

private:
    Store& inner_;
    FaultPlan& plan_;
    Clock& clock_;
};

/// Faults happen to `listen` and to each request: refuse answers 503 and lose 504 without asking the
/// handler; execute-and-time-out answers 504 after the handler did its work.
class FaultyHttpFront final : public HttpFront {
public:
    FaultyHttpFront(HttpFront& inner, FaultPlan& plan, Clock& clock) : inner_(inner), plan_(plan), clock_(clock) {}
    Async<Result<std::unique_ptr<HttpListener>>> listen(HttpListenOptions options, HttpHandler handler) override;

private:
    HttpFront& inner_;
    FaultPlan& plan_;
    Clock& clock_;
};

}  // namespace conformance
}  // namespace drover
