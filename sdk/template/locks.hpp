#pragma once

#include <drover/context.hpp>
#include <drover/services/lock.hpp>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace example {

/// Who holds which name, and who waits for it in which order: what instances of one area share.
///
/// Everybody who wants a name draws a number and stands in its queue; the first in the queue holds the
/// name. Numbers only grow, so the number drawn is the fencing token too.
/// Thread-safety: every method may be called from any thread.
class Ledger {
public:
    /// The ledger of that area in this process; an empty name gives one that nobody shares.
    static std::shared_ptr<Ledger> of(const std::string& area);

    /// Begins the session of a member. It ends at `until`, unless it is renewed before.
    drover::SessionPtr begin(std::string member, drover::TimePoint until);
    /// False when it has ended.
    bool renew(const drover::SessionPtr& session, drover::TimePoint until);
    /// Ends a session with all that it holds and waits for.
    void end(const drover::SessionPtr& session);
    /// Ends the sessions that nobody renewed in time.
    void end_overdue(drover::TimePoint now);
    /// Ends the waiting of a session; what it holds, it keeps.
    void turn_away(const drover::SessionPtr& session);

    /// A place in the queue of a name. Whoever drops it has left the queue, and the name if he held it;
    /// unless he said that he keeps it.
    class Place {
    public:
        Place(Ledger& ledger, std::string name, std::uint64_t number, drover::OneShot<drover::Lease> lease)
            : ledger_(&ledger), name_(std::move(name)), number_(number), lease_(std::move(lease)) {}
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() {
            if (ledger_) ledger_->leave(name_, number_);
        }
        /// Comes when this place is the first.
        drover::OneShot<drover::Lease>& lease() { return lease_; }
        void keep() { ledger_ = nullptr; }

    private:
        Ledger* ledger_;
        std::string name_;
        std::uint64_t number_;
        drover::OneShot<drover::Lease> lease_;
    };
    Place enter(const std::string& name, const drover::SessionPtr& session);
    /// Gives up the place with that number; nothing happens when there is none.
    void leave(const std::string& name, std::uint64_t number);
    std::optional<drover::LockHolder> holder(const std::string& name);

private:
    struct Visit {
        std::string member;
        drover::TimePoint until;
    };
    struct Waiting {
        std::uint64_t number;
        drover::SessionPtr session;
        mutable drover::OneShot<drover::Lease> lease;  // only a handle
    };
    using Queue = std::deque<Waiting>;  // its front holds the name
    using Queues = std::map<std::string, Queue>;

    void end_locked(const drover::SessionPtr& session);
    Queues::iterator settle(Queues::iterator queue);

    std::mutex mutex_;
    std::map<drover::SessionPtr, Visit> visits_;  // guarded by mutex_; who is not in it has ended
    Queues queues_;                               // guarded by mutex_; none of them is empty
};

/// The lock service of one instance.
class Locks final : public drover::LockService {
public:
    Locks(std::shared_ptr<Ledger> ledger, drover::Context& context, drover::Duration session_ttl);

    drover::Async<drover::Result<drover::Lease>> acquire(std::string name, drover::Deadline deadline) override;
    drover::Async<drover::Result<void>> release(drover::Lease lease) override;
    drover::Async<drover::Result<std::optional<drover::LockHolder>>> holder(std::string name) override;

    /// Renews this instance's session, and ends those that others did not renew, until it is cancelled.
    drover::Async<void> keep();
    void refuse_new_work();
    void give_everything_back();

private:
    /// The session of this instance, a new one when there is none or it ended. Errors: unavailable (it stops).
    drover::Result<drover::SessionPtr> session();

    const std::shared_ptr<Ledger> ledger_;  // owners: the instances of its area
    drover::Context& context_;
    const drover::Duration ttl_;
    std::mutex mutex_;
    drover::SessionPtr session_;  // guarded by mutex_
    bool refusing_ = false;       // guarded by mutex_
};

}  // namespace example
