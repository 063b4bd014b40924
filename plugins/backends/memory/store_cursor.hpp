#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drover/store/query.hpp"

namespace drover::memory {

/// Where a page ended: what its last record held in the fields sorted by, and its id.
struct CursorKey {
    std::vector<Value> sorted;
    std::int64_t id = 0;
};

/// Text that says where the page after begins, and for which query.
std::string write_cursor(const Query& query, const CursorKey& key);
/// Errors: invalid, when it was not made here, was changed, or belongs to another query.
Result<CursorKey> read_cursor(const Query& query);

}  // namespace drover::memory
