#include "dialect.hpp"

namespace drover::sqlite {

std::string SqliteDialect::text_literal(std::string_view text) const {
    if (text.find('\0') != std::string_view::npos) {
        constexpr char kDigits[] = "0123456789abcdef";
        std::string hex;
        for (const char c : text) {
            hex += kDigits[static_cast<unsigned char>(c) >> 4];
            hex += kDigits[static_cast<unsigned char>(c) & 15];
        }
        return "(CAST(x'" + hex + "' AS TEXT))";
    }
    std::string literal = "'";
    for (const char c : text) literal += c == '\'' ? std::string("''") : std::string(1, c);
    return literal + "'";
}

std::string SqliteDialect::column_type(const Field& field) const {
    switch (field.type) {
        case FieldType::real: return "REAL";
        case FieldType::text:
        case FieldType::json: return "TEXT";
        default: return "INTEGER";
    }
}

std::string SqliteDialect::drop_index(std::string_view, std::string_view index) const {
    return "DROP INDEX " + quoted(index);
}

/// Unique among all indexes of the database, unlike in other databases.
std::string SqliteDialect::index_name(std::string_view type, const Index& index) const {
    std::string name(type);
    for (const auto& field : index.fields) name += "__" + field;
    return name;
}

/// Our own function: SQLite's LIKE ignores case and stops at a zero byte.
std::string SqliteDialect::like(std::string_view column) const { return "drover_like(" + std::string(column) + ", ?)"; }

/// As a range, which an index serves: from the text to the first text that does not begin with it.
void SqliteDialect::add_prefix(sql::Statement& statement, std::string_view column, std::string_view text) const {
    statement.text += "(" + std::string(column) + " >= ?";
    statement.values.emplace_back(text);
    std::string end(text);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
    if (!end.empty()) {
        end.back() = static_cast<char>(end.back() + 1);
        statement.text += " AND " + std::string(column) + " < ?";
        statement.values.emplace_back(std::move(end));
    }
    statement.text += ")";
}

/// SQLite's words: "machine.uuid" or "disk.machineId, disk.slot".
std::vector<std::string> SqliteDialect::fields_of_key(const ResourceType&, std::string_view key) const {
    std::vector<std::string> fields;
    while (!key.empty()) {
        const auto comma = std::min(key.find(", "), key.size());
        const auto one = key.substr(0, comma);
        const auto dot = one.find('.');
        fields.emplace_back(dot == std::string_view::npos ? one : one.substr(dot + 1));
        key.remove_prefix(std::min(comma + 2, key.size()));
    }
    return fields;
}

}  // namespace drover::sqlite
