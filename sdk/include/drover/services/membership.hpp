#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drover/facade.hpp"
#include "drover/session.hpp"

namespace [[gnu::visibility("default")]] drover {

struct Member {
    std::string id;                             ///< ServerInfo::id
    std::map<std::string, std::string> labels;  ///< name, roles, addresses, draining ...; at most 8 kB in all
    bool operator==(const Member&) const = default;
};

/// Who is there. `revision` grows with every change that this backend saw.
struct Members {
    std::uint64_t revision = 0;
    std::vector<Member> list;  ///< by id, ascending
};

/// Snapshots as they change. A slow reader misses those in between, never the last one.
/// Thread-safety: every method may be called from any thread; one reader.
class MembershipWatch {
public:
    MembershipWatch();
    /// The newest snapshot not read yet, as soon as there is one; the first comes at once.
    /// Errors: cancelled, timeout, unavailable (the backend stopped: watch anew).
    Async<Result<Members>> next(Clock& clock, Deadline deadline = Deadline::never());

    /// The backend's end. It holds the watch weakly, so dropping the watch ends it.
    struct State;
    class Feed {
    public:
        /// A revision that is not newer than the last is dropped. False once nobody reads.
        bool publish(Members members) const;
        void close(Error why) const;
        bool abandoned() const { return state_.expired(); }

    private:
        friend class MembershipWatch;
        std::weak_ptr<State> state_;
    };
    Feed feed() const;

private:
    std::shared_ptr<State> state_;  // owners: this watch and its copies
};

/// Which servers of the deployment are alive.
///
/// A member that leaves is gone from every snapshot at once; one that died, when its session ends: at
/// most `max_expiry` after its last sign of life.
/// Thread-safety: every method may be called from any thread.
/// Cancellation:  every wait honours its deadline and the caller's cancellation within 100 ms.
/// Traits: distributed = true: sees servers in other processes; max_expiry = a duration such as "6s".
class MembershipService {
public:
    static constexpr std::string_view kId = "drover.membership";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "membership";
    virtual ~MembershipService() = default;

    /// Joins, or replaces the labels of a member that joined from here. The session's loss means that the
    /// others no longer count on this server: stop owning things, then join again.
    /// Errors: conflict (the id is joined from elsewhere), invalid, unavailable, timeout, cancelled.
    virtual Async<Result<SessionPtr>> join(Member self, Deadline deadline) = 0;
    /// Leaving without having joined is not an error. Errors: unavailable, timeout.
    virtual Async<Result<void>> leave(std::string id, Deadline deadline) = 0;
    /// Errors: unavailable, timeout.
    virtual Async<Result<Members>> members(Deadline deadline) = 0;
    /// Errors: unavailable.
    virtual Async<Result<MembershipWatch>> watch() = 0;
};

template <>
std::shared_ptr<MembershipService> make_facade<MembershipService>(std::shared_ptr<Binding> binding);

}  // namespace drover
