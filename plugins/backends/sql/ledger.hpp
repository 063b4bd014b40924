#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drover/store/batch.hpp"
#include "sql/dialect.hpp"

/// The store's own tables: what it did, and how far it is. Their names have an underscore, which names of
/// resource types have not.
namespace drover::sql {

/// Version of the layout of these tables.
inline constexpr int kLedgerLayout = 1;

/// CREATE statements for all of them, and the first rows.
std::vector<Statement> create_ledger(const Dialect& dialect);

Result<std::int64_t> read_position(Session& session);
Statement write_position(std::int64_t position);

/// What became of a batch with an id, when it was done.
Result<std::optional<Committed>> find_batch(Session& session, const std::string& id);
Statement note_batch(const std::string& id, std::int64_t position, const std::vector<Changed>& changed,
                     std::int64_t now_ms);
/// Forgets the oldest batches, at most `most` of them, that were done before `before_ms`.
Result<void> forget_batches(Session& session, std::int64_t before_ms, std::int64_t most);

Position position_of(std::int64_t number);
/// Errors: invalid, when it is not a position of such a store.
Result<std::int64_t> number_of(const Position& position);

}  // namespace drover::sql
