#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/facade.hpp"
#include "drover/store/batch.hpp"
#include "drover/store/query.hpp"
#include "drover/store/resource_type.hpp"

namespace [[gnu::visibility("default")]] drover {

/// What `migrate` did, or would do.
struct Migration {
    std::vector<std::string> steps;  ///< one sentence or statement each; empty: nothing to do
    bool applied = false;
};

enum class MigrateMode : unsigned char { dry_run, apply };

/// The truth: typed records of declared resource types.
///
/// Durability: a commit is acknowledged after it would survive the death of process and machine (trait
/// `durable`); an acknowledged commit is never lost, an unacknowledged one happened whole or not at all.
/// Isolation: commits are serialised; a commit sees none half done, and neither does a read. Callers that
/// share a group commit are isolated: one's failed expectation or deadlock never fails its neighbours.
/// Thread-safety: every method may be called from any thread.
/// Cancellation:  every wait honours its deadline and the caller's cancellation within 100 ms; a commit
///                whose caller withdrew happened or not: ask `outcome`.
/// Away:          while the backend cannot be reached every verb answers `unavailable` or `timeout` by
///                its deadline, and works again by itself when it is back.
/// Traits: durable = true: survives a crash of the machine; shared = true: many processes may open it;
///         replicas = true: stale and at_least reads may be served by others than the primary.
class Store {
public:
    static constexpr std::string_view kId = "drover.store";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "store";
    virtual ~Store() = default;

    /// Makes the tables of `types`, beside those it knows; from then on this instance works with them.
    /// Additive differences are applied: a new field (null or its fallback in old records), an index, longer
    /// text. A type whose stored major version is newer is refused; a newer minor is accepted as it is, and
    /// keeps its indexes; so two versions of Drover can run side by side. Fields no longer declared keep
    /// their column, and what they hold. Whether a field holds text, reals, booleans or integers never
    /// changes, nor does anything when something is refused.
    /// Errors: invalid (the declarations, a change that is not additive without a raised major, uniqueness
    ///         that records contradict), unsupported (the stored schema is of a newer major), unavailable,
    ///         timeout.
    virtual Async<Result<Migration>> migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) = 0;

    /// Errors: not_found, invalid (no such type, a position that is not ours), unavailable, timeout, cancelled.
    virtual Async<Result<Record>> get(std::string type, std::int64_t id, Consistency consistency,
                                      Deadline deadline) = 0;

    /// Errors: invalid (see check_query; a cursor of another query, a position that is not ours), unavailable,
    ///         timeout, cancelled.
    virtual Async<Result<Page>> query(Query query, Consistency consistency, Deadline deadline) = 0;

    /// All of it or nothing.
    /// Errors: conflict (an expectation or uniqueness; see its details), not_found (a record to change is
    ///         gone; detail `operation`), invalid (see check_batch), exhausted (disk full, too much waits),
    ///         unavailable (it did not happen), timeout and cancelled (unknown: ask `outcome`).
    virtual Async<Result<Committed>> commit(Batch batch, Deadline deadline) = 0;

    /// What became of a batch with an id: its result, or nothing when it did not happen. After nothing
    /// was answered the batch will not happen any more, unless it is committed again.
    /// Errors: unavailable, timeout, cancelled.
    virtual Async<Result<std::optional<Committed>>> outcome(std::string batch_id, Deadline deadline) = 0;

    /// The newest position. Errors: unavailable, timeout, cancelled.
    virtual Async<Result<Position>> position(Deadline deadline) = 0;
};

template <>
std::shared_ptr<Store> make_facade<Store>(std::shared_ptr<Binding> binding);

}  // namespace drover
