#include "inject.hpp"

namespace drover::conformance {

Async<Result<Lease>> FaultyLockService::acquire(std::string name, Deadline deadline) {
    return detail::inject<Lease>(plan_, clock_, deadline, "acquire",
                                 [this, name, deadline] { return inner_.acquire(name, deadline); });
}

Async<Result<void>> FaultyLockService::release(Lease lease) {
    return detail::inject<void>(plan_, clock_, Deadline::never(), "release",
                                [this, lease] { return inner_.release(lease); });
}

Async<Result<std::optional<LockHolder>>> FaultyLockService::holder(std::string name) {
    return detail::inject<std::optional<LockHolder>>(plan_, clock_, Deadline::never(), "holder",
                                                     [this, name] { return inner_.holder(name); });
}

}  // namespace drover::conformance
