#include "sql/ledger.hpp"

#include <charconv>

#include "sql/cells.hpp"

namespace drover::sql {
namespace {

/// "12:1 13:4": id and version of each operation.
std::string pack(const std::vector<Changed>& changed) {
    std::string text;
    for (const auto& one : changed) text += std::to_string(one.id) + ":" + std::to_string(one.version) + " ";
    return text;
}

std::vector<Changed> unpack(std::string_view text) {
    std::vector<Changed> changed;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at < end) {
        Changed one;
        at = std::from_chars(at, end, one.id).ptr + 1;
        at = std::from_chars(at, end, one.version).ptr + 1;
        changed.push_back(one);
    }
    return changed;
}

}  // namespace

std::vector<Statement> create_ledger(const Dialect& dialect) {
    const auto integer = dialect.column_type(integer_field("number"));
    const auto name = dialect.short_text();
    const auto body = dialect.long_text();
    const auto options = dialect.table_options();
    return {
        {"CREATE TABLE drover_meta (name " + name + " PRIMARY KEY, number " + integer + " NOT NULL)" + options},
        {"INSERT INTO drover_meta (name, number) VALUES ('position', 0)"},
        {"CREATE TABLE drover_batches (seq " + dialect.sequence_definition() + ", batch " + name +
         " NOT NULL UNIQUE, position " + integer + " NOT NULL, changed " + body + " NOT NULL, done_at " + integer +
         " NOT NULL)" + options},
        {"CREATE TABLE drover_types (name " + name + " PRIMARY KEY, major " + integer + " NOT NULL, minor " + integer +
         " NOT NULL)" + options},
        {"CREATE TABLE drover_fields (type " + name + " NOT NULL, name " + name + " NOT NULL, place " + integer +
         " NOT NULL, kind " + name + " NOT NULL, target " + name + " NOT NULL, longest " + integer +
         " NOT NULL, nullable " + integer + " NOT NULL, fallback " + body + " NOT NULL, PRIMARY KEY (type, name))" +
         options},
        {"CREATE TABLE drover_indexes (type " + name + " NOT NULL, name " + name + " NOT NULL, fields " + body +
         " NOT NULL, is_unique " + integer + " NOT NULL, PRIMARY KEY (type, name))" + options},
    };
}

Result<std::int64_t> read_position(Session& session) {
    std::optional<std::int64_t> position;
    const auto read = session.select({"SELECT number FROM drover_meta WHERE name = 'position'"},
                                     [&](const Cells& cells) { position = cells.integer(0); });
    if (!read) return read.error();
    if (!position) return Error(Errc::internal, "the store's own table drover_meta has lost its position");
    return *position;
}

Statement write_position(std::int64_t position) {
    return {"UPDATE drover_meta SET number = ? WHERE name = 'position'", {Value(position)}};
}

Result<std::optional<Committed>> find_batch(Session& session, const std::string& id) {
    std::optional<Committed> found;
    const auto read = session.select({"SELECT position, changed FROM drover_batches WHERE batch = ?", {Value(id)}},
                                     [&](const Cells& cells) {
                                         found = Committed{position_of(cells.integer(0)), unpack(cells.text(1))};
                                     });
    if (!read) return read.error();
    return found;
}

Statement note_batch(const std::string& id, std::int64_t position, const std::vector<Changed>& changed,
                     std::int64_t now_ms) {
    return {"INSERT INTO drover_batches (batch, position, changed, done_at) VALUES (?, ?, ?, ?)",
            {Value(id), Value(position), Value(pack(changed)), Value(now_ms)}};
}

Result<void> forget_batches(Session& session, std::int64_t before_ms, std::int64_t most) {
    std::optional<std::int64_t> oldest;
    auto read = session.select({"SELECT MIN(seq) FROM drover_batches"}, [&](const Cells& cells) {
        if (!cells.is_null(0)) oldest = cells.integer(0);
    });
    if (!read || !oldest) return read;
    const auto done = session.execute(
        {"DELETE FROM drover_batches WHERE seq < ? AND done_at < ?", {Value(*oldest + most), Value(before_ms)}});
    if (!done) return done.error();
    return ok;
}

Position position_of(std::int64_t number) { return {std::to_string(number)}; }

Result<std::int64_t> number_of(const Position& position) {
    std::int64_t number = 0;
    const auto& text = position.text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0)
        return Error(Errc::invalid, "\"" + text + "\" is not a position of this store");
    return number;
}

}  // namespace drover::sql
