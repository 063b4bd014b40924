#pragma once

#include <string>

#include "drover/error.hpp"

struct sqlite3;

namespace drover::sqlite {

/// What SQLite's last failure on `database` means to a caller; to be asked at once after it. Detail `disk` = "damaged"
/// when the file is.
Error last_error(sqlite3* database, const std::string& file);

/// The file's content is broken: nothing but a backup helps.
bool is_damage(const Error& error);

/// Writing ended before the last byte: a commit that failed so is not whole in the log.
bool is_cut_short(const Error& error);

/// The batch itself is at fault; the connection and its transaction are as good as before.
bool is_own_fault(const Error& error);

}  // namespace drover::sqlite
