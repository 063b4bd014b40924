#pragma once

#include <vector>

#include "drover/store/batch.hpp"
#include "sql/dialect.hpp"

namespace drover::sql {

/// Carries out the operations of a batch one after the other, inside a transaction that the caller began
/// and ends. After an error some of them happened: the caller rolls back.
///
/// `batch` has passed check_batch. Errors: conflict, not_found, as Store::commit says; the session's.
Result<std::vector<Changed>> run_batch(Session& session, const Dialect& dialect, const Schema& schema,
                                       const Batch& batch);

/// False when every operation is a Check: nothing to write.
bool changes_something(const Batch& batch);

}  // namespace drover::sql
