#pragma once

#include <map>
#include <mutex>
#include <set>

#include "rest_api.hpp"

namespace drover::rest {

/// The one way to the store's records for answers. Every read is the primary's; which replica may serve whom,
/// and how new it must be, is decided here once there are any.
/// Thread-safety: any thread.
class Reads {
public:
    Reads(Store& store, Clock& clock) : store_(store), clock_(clock) {}

    /// Errors: as Store::get.
    Async<Result<Record>> get(std::int64_t account_id, std::string type, std::int64_t id);
    /// Errors: as Store::query.
    Async<Result<Page>> query(std::int64_t account_id, Query query);
    /// The same of the primary, whatever replicas there are: for deciding, not for showing.
    Async<Result<Page>> query_primary(Query query);
    Async<Result<Record>> get_primary(std::string type, std::int64_t id);

    Deadline deadline() const { return Deadline::in(clock_, kPatience); }
    Store& store() { return store_; }

private:
    static constexpr Duration kPatience = std::chrono::seconds(20);
    Store& store_;
    Clock& clock_;
};

}  // namespace drover::rest
