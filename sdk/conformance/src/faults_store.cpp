#include "inject.hpp"

namespace drover::conformance {

Async<Result<Migration>> FaultyStore::migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) {
    return detail::inject<Migration>(plan_, clock_, deadline, "migrate",
                                     [this, types, mode, deadline] { return inner_.migrate(types, mode, deadline); });
}

Async<Result<Record>> FaultyStore::get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) {
    return detail::inject<Record>(plan_, clock_, deadline, "get", [this, type, id, consistency, deadline] {
        return inner_.get(type, id, consistency, deadline);
    });
}

Async<Result<Page>> FaultyStore::query(Query query, Consistency consistency, Deadline deadline) {
    return detail::inject<Page>(plan_, clock_, deadline, "query", [this, query, consistency, deadline] {
        return inner_.query(query, consistency, deadline);
    });
}

Async<Result<Committed>> FaultyStore::commit(Batch batch, Deadline deadline) {
    return detail::inject<Committed>(plan_, clock_, deadline, "commit",
                                     [this, batch, deadline] { return inner_.commit(batch, deadline); });
}

Async<Result<std::optional<Committed>>> FaultyStore::outcome(std::string batch_id, Deadline deadline) {
    return detail::inject<std::optional<Committed>>(
        plan_, clock_, deadline, "outcome", [this, batch_id, deadline] { return inner_.outcome(batch_id, deadline); });
}

Async<Result<Position>> FaultyStore::position(Deadline deadline) {
    return detail::inject<Position>(plan_, clock_, deadline, "position",
                                    [this, deadline] { return inner_.position(deadline); });
}

}  // namespace drover::conformance
