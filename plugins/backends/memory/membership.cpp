#include "membership.hpp"

namespace drover::memory {

MemberTable::Joined MemberTable::join(const SessionRecordPtr& session, const Member& member) {
    const std::lock_guard lock(mutex_);
    // Asked under the lock: the end of a session comes to this table after it was marked.
    if (session->over()) return Joined::session_over;
    const auto [at, added] = entries_.try_emplace(member.id, Entry{member, session});
    if (added) {
        changed();
        return Joined::yes;
    }
    if (at->second.session != session) {
        if (!at->second.session->over()) return Joined::taken;
        at->second.session = session;
    } else if (at->second.member == member) {
        return Joined::yes;
    }
    at->second.member = member;
    changed();
    return Joined::yes;
}

SessionRecordPtr MemberTable::owner(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    return found == entries_.end() ? nullptr : found->second.session;
}

void MemberTable::leave(const std::string& id, const SessionRecord& session) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.session.get() != &session) return;
    entries_.erase(found);
    changed();
}

Members MemberTable::members() {
    const std::lock_guard lock(mutex_);
    return snapshot();
}

MembershipWatch MemberTable::watch(const void* owner) {
    MembershipWatch watch;
    const std::lock_guard lock(mutex_);
    std::erase_if(watchers_, [](const Watcher& watcher) { return watcher.feed.abandoned(); });
    watchers_.push_back({watch.feed(), owner});
    watchers_.back().feed.publish(snapshot());
    return watch;
}

void MemberTable::close_watches(const void* owner, const Error& why) {
    const std::lock_guard lock(mutex_);
    std::erase_if(watchers_, [&](const Watcher& watcher) {
        if (watcher.owner != owner) return false;
        watcher.feed.close(why);
        return true;
    });
}

void MemberTable::drop(const SessionRecord& session) {
    const std::lock_guard lock(mutex_);
    const auto gone =
        std::erase_if(entries_, [&](const auto& entry) { return entry.second.session.get() == &session; });
    if (gone > 0) changed();
}

Members MemberTable::snapshot() const {
    Members members{revision_, {}};
    members.list.reserve(entries_.size());
    for (const auto& [id, entry] : entries_) members.list.push_back(entry.member);
    return members;
}

/// Under the lock, so that every watch sees the revisions in their order.
void MemberTable::changed() {
    ++revision_;
    std::erase_if(watchers_, [this](const Watcher& watcher) { return !watcher.feed.publish(snapshot()); });
}

MemoryMembership::MemoryMembership(const WorldPtr& world, Context& context, SessionKeeper& keeper)
    : table_(world->part<MemberTable>()), context_(context), keeper_(keeper) {}

Async<Result<SessionPtr>> MemoryMembership::join(Member self, Deadline) {
    // Whoever did not renew does not keep the id from others.
    if (const auto owner = table_.owner(self.id)) keeper_.sessions().expire(owner, context_.clock().now());
    const auto session = keeper_.current();
    if (!session) co_return session.error();
    switch (table_.join(*session, self)) {
        case MemberTable::Joined::yes: co_return (*session)->handle();
        case MemberTable::Joined::taken:
            co_return Error(Errc::conflict, "member " + self.id + " is joined from elsewhere",
                            "Every server needs an id of its own; one that died is gone after its session.");
        case MemberTable::Joined::session_over: break;
    }
    co_return Error(Errc::unavailable, "the session was lost while joining", "Join again.");
}

Async<Result<void>> MemoryMembership::leave(std::string id, Deadline) {
    if (const auto session = keeper_.held()) table_.leave(id, *session);
    co_return ok;
}

Async<Result<Members>> MemoryMembership::members(Deadline) {
    keeper_.sessions().sweep(context_.clock().now());
    co_return table_.members();
}

Async<Result<MembershipWatch>> MemoryMembership::watch() { co_return table_.watch(this); }

void MemoryMembership::close() {
    table_.close_watches(this, Error(Errc::unavailable, "the membership of plugin " + context_.instance() + " stopped",
                                     "Watch anew once it is back."));
}

}  // namespace drover::memory
