#include "drover/services/store.hpp"

namespace drover {
namespace {

class StoreFacade final : public Store {
public:
    explicit StoreFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    Async<Result<Migration>> migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) override {
        return guarded<Store, Migration>(
            *binding_, "migrate",
            [types = std::move(types), mode, deadline](Store& store) { return store.migrate(types, mode, deadline); });
    }
    Async<Result<Record>> get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) override {
        return guarded<Store, Record>(
            *binding_, "get",
            [type = std::move(type), id, consistency = std::move(consistency), deadline](Store& store) mutable {
                return store.get(std::move(type), id, std::move(consistency), deadline);
            });
    }
    Async<Result<Page>> query(Query query, Consistency consistency, Deadline deadline) override {
        return guarded<Store, Page>(
            *binding_, "query",
            [query = std::move(query), consistency = std::move(consistency), deadline](Store& store) mutable {
                return store.query(std::move(query), std::move(consistency), deadline);
            });
    }
    Async<Result<Committed>> commit(Batch batch, Deadline deadline) override {
        return guarded<Store, Committed>(*binding_, "commit",
                                         [batch = std::move(batch), deadline](Store& store) mutable {
                                             return store.commit(std::move(batch), deadline);
                                         });
    }
    Async<Result<std::optional<Committed>>> outcome(std::string batch_id, Deadline deadline) override {
        return guarded<Store, std::optional<Committed>>(
            *binding_, "outcome", [batch_id = std::move(batch_id), deadline](Store& store) mutable {
                return store.outcome(std::move(batch_id), deadline);
            });
    }
    Async<Result<Position>> position(Deadline deadline) override {
        return guarded<Store, Position>(*binding_, "position",
                                        [deadline](Store& store) { return store.position(deadline); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

template <>
std::shared_ptr<Store> make_facade<Store>(std::shared_ptr<Binding> binding) {
    return std::make_shared<StoreFacade>(std::move(binding));
}

}  // namespace drover
