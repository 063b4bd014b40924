#include "reads.hpp"

namespace drover::rest {

Async<Result<Record>> Reads::get(std::int64_t, std::string type, std::int64_t id) {
    return get_primary(std::move(type), id);
}

Async<Result<Page>> Reads::query(std::int64_t, Query query) { return query_primary(std::move(query)); }

Async<Result<Page>> Reads::query_primary(Query query) {
    return store_.query(std::move(query), Consistency::primary(), deadline());
}

Async<Result<Record>> Reads::get_primary(std::string type, std::int64_t id) {
    return store_.get(std::move(type), id, Consistency::primary(), deadline());
}

}  // namespace drover::rest
