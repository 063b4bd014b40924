#include "groups.hpp"

#include <algorithm>
#include <charconv>

namespace drover::roles {

namespace {

using namespace std::chrono_literals;

constexpr auto kAskAgainAfter = 2s;

std::string lock_of(GroupOwner::Group group) {
    return "AGENT.GROUP." + (group ? std::to_string(*group) : std::string("none"));
}

}  // namespace

Result<std::unique_ptr<GroupOwner>> GroupOwner::make(const std::vector<std::string>& words, Context& context) {
    std::unique_ptr<GroupOwner> owner(new GroupOwner(context));
    for (const auto& word : words) {
        std::int64_t id = 0;
        const auto read = std::from_chars(word.data(), word.data() + word.size(), id);
        if (word == "*") owner->all_ = true;
        else if (word == "!") owner->ungrouped_ = true;
        else if (read.ec == std::errc() && read.ptr == word.data() + word.size() && id > 0) owner->ids_.insert(id);
        else
            return Error(Errc::invalid,
                         "agent.groups has \"" + word.substr(0, 40) +
                             "\"; expected '*' for all, '!' for agents without a group, or ids of groups");
    }
    return owner;
}

bool GroupOwner::is_given(Group group) const { return all_ || (group ? ids_.contains(*group) : ungrouped_); }

Async<Result<bool>> GroupOwner::owns(Group group) {
    if (!is_given(group)) co_return false;
    auto& clock = context_.clock();
    const auto settled = [this, &clock, group]() -> std::optional<bool> {
        const std::lock_guard lock(mutex_);
        const auto found = known_.find(group);
        if (found == known_.end()) return std::nullopt;
        if (found->second.lease && !found->second.lease->lost()) return true;
        if (clock.now() < found->second.ask_again) return false;
        return std::nullopt;
    };
    if (const auto known = settled()) co_return *known;
    const auto permit = co_await asking_.acquire(clock);
    if (!permit) co_return permit.error();
    if (const auto known = settled()) co_return *known;
    auto lease = co_await context_.get<LockService>().acquire(lock_of(group), Deadline(clock.now()));
    if (!lease && lease.error().code() == Errc::cancelled) co_return lease.error();
    const std::lock_guard lock(mutex_);
    auto& known = known_[group];
    if (!lease) {
        known.lease.reset();
        known.ask_again = clock.now() + kAskAgainAfter;
        co_return false;
    }
    context_.log().info("looks after the agents of a group", {{"group", group ? std::to_string(*group) : "none"}});
    known.lease = std::move(*lease);
    co_return true;
}

Async<Result<void>> GroupOwner::release() {
    std::map<Group, Known> known;
    {
        const std::lock_guard lock(mutex_);
        known.swap(known_);
    }
    Result<void> all = ok;
    for (auto& [group, one] : known) {
        if (!one.lease) continue;
        auto releasing = context_.get<LockService>().release(std::move(*one.lease));
        auto released = co_await std::move(releasing);
        if (!released) all = released;
    }
    co_return all;
}

std::size_t GroupOwner::owned() const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count_if(
        known_.begin(), known_.end(), [](const auto& one) { return one.second.lease && !one.second.lease->lost(); }));
}

}  // namespace drover::roles
