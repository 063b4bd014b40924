#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "drover/services/membership.hpp"
#include "sessions.hpp"

namespace drover::memory {

/// The members of a world and who watches them.
/// Thread-safety: every method may be called from any thread.
class MemberTable {
public:
    enum class Joined : unsigned char { yes, taken, session_over };

    Joined join(const SessionRecordPtr& session, const Member& member);
    /// Who holds the id; null when nobody does.
    SessionRecordPtr owner(const std::string& id);
    void leave(const std::string& id, const SessionRecord& session);
    Members members();
    MembershipWatch watch(const void* owner);
    void close_watches(const void* owner, const Error& why);
    /// Takes out the members of a session that is over.
    void drop(const SessionRecord& session);

private:
    struct Entry {
        Member member;
        SessionRecordPtr session;
    };
    struct Watcher {
        MembershipWatch::Feed feed;
        const void* owner;
    };
    Members snapshot() const;
    void changed();

    std::mutex mutex_;
    std::map<std::string, Entry> entries_;  // guarded by mutex_
    std::uint64_t revision_ = 0;            // guarded by mutex_
    std::vector<Watcher> watchers_;         // guarded by mutex_
};

class MemoryMembership final : public MembershipService {
public:
    MemoryMembership(const WorldPtr& world, Context& context, SessionKeeper& keeper);

    Async<Result<SessionPtr>> join(Member self, Deadline deadline) override;
    Async<Result<void>> leave(std::string id, Deadline deadline) override;
    Async<Result<Members>> members(Deadline deadline) override;
    Async<Result<MembershipWatch>> watch() override;

    /// Ends all watches made here.
    void close();

private:
    MemberTable& table_;
    Context& context_;
    SessionKeeper& keeper_;
};

}  // namespace drover::memory
