#include "layout.hpp"

#include <filesystem>
#include <optional>

#include "dialect.hpp"
#include "errors.hpp"
#include "sql/ledger.hpp"

namespace drover::sqlite {
namespace {

/// "DRVR": what `file` and SQLite itself show as the owner of the format.
constexpr std::int64_t kApplication = 0x44525652;
/// A full check reads the whole file; larger ones would delay the start.
constexpr std::uintmax_t kLargestFullCheck = 16 * 1024 * 1024;

Result<std::int64_t> number(Connection& connection, const std::string& text) {
    std::optional<std::int64_t> seen;
    const auto read = connection.select({text, {}}, [&](const sql::Cells& cells) { seen = cells.integer(0); });
    if (!read) return read.error();
    return seen.value_or(0);
}

Result<std::string> word(Connection& connection, const std::string& text) {
    std::optional<std::string> seen;
    const auto read = connection.select({text, {}}, [&](const sql::Cells& cells) {
        if (!seen) seen = cells.text(0);
    });
    if (!read) return read.error();
    return seen.value_or("");
}

Error not_a_store(const std::string& file) {
    return Error(Errc::invalid, file + " is an SQLite database, but not one of Drover's",
                 "Point the option file at another path.");
}

Result<void> create(Connection& connection) {
    if (auto begun = connection.run("BEGIN IMMEDIATE"); !begun) return begun;
    auto done = connection.run("PRAGMA application_id = " + std::to_string(kApplication));
    if (done) done = connection.run("PRAGMA user_version = " + std::to_string(sql::kLedgerLayout));
    for (const auto& statement : sql::create_ledger(SqliteDialect())) {
        if (!done) break;
        const auto executed = connection.execute(statement);
        if (!executed) done = executed.error();
    }
    if (done) done = connection.run("COMMIT");
    connection.roll_back();
    return done;
}

}  // namespace

Result<void> prepare_layout(Connection& connection, const std::string& file) {
    const auto mode = word(connection, "PRAGMA journal_mode");
    if (!mode) return mode.error();
    if (*mode != "wal")
        return Error(Errc::unavailable, file + ": SQLite cannot keep a write-ahead log here (it says " + *mode + ")",
                     "Put the file on a local disk; network file systems cannot do it.");
    const auto application = number(connection, "PRAGMA application_id");
    if (!application) return application.error();
    const auto tables = number(connection, "SELECT COUNT(*) FROM sqlite_schema");
    if (!tables) return tables.error();
    if (*application == 0 && *tables == 0) return create(connection);
    if (*application != kApplication) return not_a_store(file);
    const auto layout = number(connection, "PRAGMA user_version");
    if (!layout) return layout.error();
    if (*layout > sql::kLedgerLayout)
        return Error(Errc::unsupported,
                     file + " has layout " + std::to_string(*layout) + ", this Drover knows " +
                         std::to_string(sql::kLedgerLayout),
                     "Run the newer Drover, or restore a backup from before its first start.");
    std::error_code ignored;
    if (std::filesystem::file_size(file, ignored) <= kLargestFullCheck) {
        const auto verdict = word(connection, "PRAGMA quick_check(1)");
        if (!verdict) return verdict.error();
        if (*verdict != "ok")
            return Error(Errc::unavailable, "damaged database " + file + ": " + *verdict,
                         "Restore a backup, or rescue what is left with: sqlite3 FILE .recover")
                .with_detail("disk", "damaged");
    }
    const auto position = sql::read_position(connection);
    if (!position) return position.error();
    return ok;
}

}  // namespace drover::sqlite
