#pragma once

#include "connection.hpp"

namespace drover::sqlite {

/// Looks whether the file is a store of ours that we understand and is not damaged; makes the store's own
/// tables in an empty one.
/// Errors: invalid (another program's database), unsupported (a newer layout), unavailable (damaged, disk).
Result<void> prepare_layout(Connection& connection, const std::string& file);

}  // namespace drover::sqlite
