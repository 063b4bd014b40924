#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/facade.hpp"
#include "drover/session.hpp"

namespace [[gnu::visibility("default")]] drover {

/// Grows with every lease of one name, over all holders, for ever: the one with the larger token came
/// later. `generation` is raised when the backend is swapped or was found wiped.
struct FencingToken {
    std::uint64_t generation = 0;
    std::uint64_t number = 0;
    auto operator<=>(const FencingToken&) const = default;
};

/// The right to act under a name, for as long as the session lives. A plain value; dropping it does not
/// release it.
struct Lease {
    std::string name;
    FencingToken token;
    SessionPtr session;

    /// True once it can no longer be relied on. Locks are never what correctness rests on: the store's
    /// expectations are, so a holder that did not notice has its writes refused.
    bool lost() const { return !session || session->lost(); }
};

struct LockHolder {
    std::string member;  ///< ServerInfo::id of the holder
    FencingToken token;
};

/// Mutual exclusion between servers, by name. Not re-entrant: a second acquire of a held name waits,
/// also by the holder.
///
/// Names: 1 to 255 bytes of printable ASCII.
/// Thread-safety:  every method may be called from any thread.
/// Cancellation:   every wait honours its deadline and the caller's cancellation within 100 ms; a caller
///                 who withdrew or timed out does not hold the name, though it may take until the
///                 session's next renewal to be given back.
/// Fairness:       waiters get a released name in some order; nobody waits for ever behind later ones.
/// Traits: monotonic_tokens = true: tokens grow also over a restart of the backend;
///         distributed = true: excludes servers in other processes;
///         survives_failover = what a loss of the backend's primary can cost, "nothing" or a sentence.
class LockService {
public:
    static constexpr std::string_view kId = "drover.lock";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "lock";
    static constexpr std::size_t kLongestName = 255;
    virtual ~LockService() = default;

    /// Takes `name` for as long as this server's session lives, waiting no longer than `deadline`; a
    /// deadline that has passed means: try once, without waiting.
    /// Errors: busy (held by another until the deadline), unavailable (nothing changed, retry),
    ///         timeout (the backend did not answer; `name` may stay held until the session ends),
    ///         invalid (the name), cancelled.
    virtual Async<Result<Lease>> acquire(std::string name, Deadline deadline) = 0;

    /// Gives the lease back. Releasing one that is lost or was released already is not an error, and
    /// never takes a later lease of that name away from its holder.
    /// Errors: unavailable, timeout (it ends with the session at the latest).
    virtual Async<Result<void>> release(Lease lease) = 0;

    /// Who holds `name` now; for operators, stale as soon as it is read. Errors: unavailable, timeout.
    virtual Async<Result<std::optional<LockHolder>>> holder(std::string name) = 0;
};

template <>
std::shared_ptr<LockService> make_facade<LockService>(std::shared_ptr<Binding> binding);

}  // namespace drover
