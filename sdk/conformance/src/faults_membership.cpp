#include "inject.hpp"

namespace drover::conformance {

Async<Result<SessionPtr>> FaultyMembership::join(Member self, Deadline deadline) {
    return detail::inject<SessionPtr>(plan_, clock_, deadline, "join",
                                      [this, self, deadline] { return inner_.join(self, deadline); });
}

Async<Result<void>> FaultyMembership::leave(std::string id, Deadline deadline) {
    return detail::inject<void>(plan_, clock_, deadline, "leave",
                                [this, id, deadline] { return inner_.leave(id, deadline); });
}

Async<Result<Members>> FaultyMembership::members(Deadline deadline) {
    return detail::inject<Members>(plan_, clock_, deadline, "members",
                                   [this, deadline] { return inner_.members(deadline); });
}

// The watch itself is left alone: it may never miss the last snapshot.
Async<Result<MembershipWatch>> FaultyMembership::watch() {
    return detail::inject<MembershipWatch>(plan_, clock_, Deadline::never(), "watch",
                                           [this] { return inner_.watch(); });
}

}  // namespace drover::conformance
