#pragma once

#include <memory>
#include <string>

#include "drover/sync.hpp"

namespace [[gnu::visibility("default")]] drover {

/// A server's life at a lock or membership backend: what it holds there, it holds for as long as this
/// lives. The backend renews it (time to live about four seconds); when that fails, everything that hangs
/// on it is lost at one moment, and everybody who awaits the loss is told once.
///
/// Thread-safety: every method may be called from any thread.
class Session {
public:
    explicit Session(std::string id) : id_(std::move(id)) {}

    /// The backend's name for it; for logs and operators.
    const std::string& id() const { return id_; }
    bool lost() const { return lost_.is_open(); }
    /// Suspends until it is lost. Errors: cancelled, timeout.
    Async<Result<void>> wait_lost(Clock& clock, Deadline deadline = Deadline::never()) {
        return lost_.wait(clock, deadline);
    }
    /// For the backend. True for the call that lost it.
    bool lose() { return lost_.open(); }

private:
    const std::string id_;
    Gate lost_;
};

using SessionPtr = std::shared_ptr<Session>;  // owners: the backend and all that hangs on the session

}  // namespace drover
