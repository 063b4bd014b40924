#pragma once

#include "sql/dialect.hpp"

namespace drover::sqlite {

/// SQL as SQLite 3.37 and later understands it: STRICT tables, binary comparison of text.
class SqliteDialect final : public sql::Dialect {
public:
    SqliteDialect() : Dialect('"') {}
    std::string text_literal(std::string_view text) const override;
    std::string id_definition() const override { return "INTEGER PRIMARY KEY AUTOINCREMENT"; }
    std::string sequence_definition() const override { return "INTEGER PRIMARY KEY"; }
    std::string column_type(const Field& field) const override;
    std::string table_options() const override { return " STRICT"; }
    std::vector<std::string> widen(std::string_view, const Field&) const override { return {}; }
    std::string drop_index(std::string_view type, std::string_view index) const override;
    std::string index_name(std::string_view type, const Index& index) const override;
    std::string short_text() const override { return "TEXT"; }
    std::string long_text() const override { return "TEXT"; }
    /// Our own function: RETURNING would build a table in memory for each update.
    std::string_view raised_version() const override { return "drover_raised(\"version\")"; }
    std::string locking() const override { return {}; }
    std::string like(std::string_view column) const override;
    void add_prefix(sql::Statement& statement, std::string_view column, std::string_view text) const override;
    std::vector<std::string> fields_of_key(const ResourceType& type, std::string_view key) const override;
};

}  // namespace drover::sqlite
