#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drover/context.hpp"
#include "drover/services/lock.hpp"

namespace drover::roles {

/// Which agents this server looks after: those of the groups that it was given, of which it holds the lease. One group
/// is one server's, however many servers are given it.
/// Thread-safety: every method may be called from any thread.
class GroupOwner {
public:
    using Group = std::optional<std::int64_t>;  ///< none: agents without a group

    /// `words`: "*" for all groups, "!" for agents without one, or ids. Errors: invalid.
    static Result<std::unique_ptr<GroupOwner>> make(const std::vector<std::string>& words, Context& context);

    bool is_given(Group group) const;
    /// Whether this server looks after the agents of `group` now; takes the group when nobody does. A group that
    /// another server has is asked for again after a while only. Errors: cancelled.
    Async<Result<bool>> owns(Group group);
    /// Gives all of them up. Errors: unavailable, timeout.
    Async<Result<void>> release();
    std::size_t owned() const;

private:
    explicit GroupOwner(Context& context) : context_(context) {}

    struct Known {
        std::optional<Lease> lease;
        TimePoint ask_again{};
    };
    Context& context_;
    bool all_ = false;
    bool ungrouped_ = false;
    std::set<std::int64_t> ids_;
    mutable std::mutex mutex_;
    std::map<Group, Known> known_;  // guarded by mutex_
    Semaphore asking_{1};           // a lock is not re-entrant: one asks for all
};

}  // namespace drover::roles
