#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "drover/context.hpp"
#include "drover/services/store.hpp"
#include "store_state.hpp"
#include "world.hpp"

namespace drover::memory {

/// The store of one world, as one instance sees it: the types it declared, on tables that all share.
///
/// Nothing waits here: each verb is done, under the world's lock, when it is called.
class MemoryStore final : public Store {
public:
    MemoryStore(WorldPtr world, Context& context);

    Async<Result<Migration>> migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) override;
    Async<Result<Record>> get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) override;
    Async<Result<Page>> query(Query query, Consistency consistency, Deadline deadline) override;
    Async<Result<Committed>> commit(Batch batch, Deadline deadline) override;
    Async<Result<std::optional<Committed>>> outcome(std::string batch_id, Deadline deadline) override;
    Async<Result<Position>> position(Deadline deadline) override;

private:
    using ViewPtr = std::shared_ptr<const View>;  // owners: this, and the calls that use it
    ViewPtr view() const;
    /// Under the world's lock. Errors: invalid.
    Result<void> check_position(const Consistency& consistency) const;

    const WorldPtr world_;
    StoreState& state_;
    Clock& clock_;
    mutable std::mutex view_mutex_;
    ViewPtr view_;                               // guarded by view_mutex_; never null
    std::map<std::string, ResourceType> types_;  // guarded by state_.lock; what this instance declared
};

}  // namespace drover::memory
