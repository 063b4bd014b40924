#include "drover/services/membership.hpp"

namespace drover {

struct MembershipWatch::State {
    std::mutex mutex;
    std::optional<Members> latest;  // guarded by mutex; what was not read yet
    std::uint64_t last = 0;         // guarded by mutex
    bool any = false;               // guarded by mutex
    std::optional<Error> closed;    // guarded by mutex
    detail::WaitList waiters;       // guarded by mutex
};

MembershipWatch::MembershipWatch() : state_(std::make_shared<State>()) {}

Async<Result<Members>> MembershipWatch::next(Clock& clock, Deadline deadline) {
    const auto state = state_;
    for (;;) {
        const auto outcome = co_await detail::wait(&clock, deadline, [&state](detail::WaiterPtr waiter) {
            const std::lock_guard lock(state->mutex);
            if (state->latest || state->closed) waiter->finish(WaitOutcome::signalled);
            else state->waiters.add(std::move(waiter));
        });
        const std::lock_guard lock(state->mutex);
        if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "a change of the members");
        if (state->latest) {
            auto members = std::move(*state->latest);
            state->latest.reset();
            co_return members;
        }
        if (state->closed) co_return *state->closed;
        if (outcome == WaitOutcome::timeout) co_return wait_error(outcome, "a change of the members");
    }
}

MembershipWatch::Feed MembershipWatch::feed() const {
    Feed feed;
    feed.state_ = state_;
    return feed;
}

bool MembershipWatch::Feed::publish(Members members) const {
    const auto state = state_.lock();
    if (!state) return false;
    const std::lock_guard lock(state->mutex);
    if (state->any && members.revision <= state->last) return true;
    state->any = true;
    state->last = members.revision;
    state->latest = std::move(members);
    state->waiters.wake_all();
    return true;
}

void MembershipWatch::Feed::close(Error why) const {
    const auto state = state_.lock();
    if (!state) return;
    const std::lock_guard lock(state->mutex);
    if (!state->closed) state->closed = std::move(why);
    state->waiters.wake_all();
}

namespace {

class MembershipFacade final : public MembershipService {
public:
    explicit MembershipFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    Async<Result<SessionPtr>> join(Member self, Deadline deadline) override {
        constexpr std::size_t kMostLabelBytes = 8 * 1024;
        std::size_t bytes = 0;
        for (const auto& [name, value] : self.labels) bytes += name.size() + value.size();
        if (self.id.empty() || self.id.size() > 255 || bytes > kMostLabelBytes)
            co_return Error(Errc::invalid, "a member with an id of " + std::to_string(self.id.size()) + " bytes and " +
                                               std::to_string(bytes) +
                                               " bytes of labels was given; expected 1 to 255, and at most 8192");
        co_return co_await guarded<MembershipService, SessionPtr>(
            *binding_, "join", [&](MembershipService& members) { return members.join(std::move(self), deadline); });
    }
    Async<Result<void>> leave(std::string id, Deadline deadline) override {
        return guarded<MembershipService, void>(
            *binding_, "leave",
            [id = std::move(id), deadline](MembershipService& members) { return members.leave(id, deadline); });
    }
    Async<Result<Members>> members(Deadline deadline) override {
        return guarded<MembershipService, Members>(
            *binding_, "members", [deadline](MembershipService& members) { return members.members(deadline); });
    }
    Async<Result<MembershipWatch>> watch() override {
        return guarded<MembershipService, MembershipWatch>(*binding_, "watch",
                                                           [](MembershipService& members) { return members.watch(); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

template <>
std::shared_ptr<MembershipService> make_facade<MembershipService>(std::shared_ptr<Binding> binding) {
    return std::make_shared<MembershipFacade>(std::move(binding));
}

}  // namespace drover
