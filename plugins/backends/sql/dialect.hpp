#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drover/store/resource_type.hpp"
#include "sql/session.hpp"

namespace drover::sql {

/// Where databases differ. Everything else here is the SQL they share.
///
/// Thread-safety: immutable.
class Dialect {
public:
    virtual ~Dialect() = default;

    /// Names of types and fields are letters and digits, and stand in the database as they are, in quotes.
    std::string quoted(std::string_view name) const;
    void append_quoted(std::string& to, std::string_view name) const;
    virtual std::string text_literal(std::string_view text) const = 0;
    /// Definition of the primary key: numbers that are never given twice, not even after a delete.
    virtual std::string id_definition() const = 0;
    /// A primary key whose numbers only have to grow: cheaper, for rows that nobody refers to.
    virtual std::string sequence_definition() const { return id_definition(); }
    virtual std::string column_type(const Field& field) const = 0;
    /// What follows the closing bracket of CREATE TABLE.
    virtual std::string table_options() const = 0;
    /// `ALTER TABLE` steps for a text field that grew; empty when the column holds it as it is.
    virtual std::vector<std::string> widen(std::string_view type, const Field& field) const = 0;
    virtual std::string drop_index(std::string_view type, std::string_view index) const = 0;
    virtual std::string index_name(std::string_view type, const Index& index) const = 0;
    /// Column type of short text in the tables of the store itself.
    virtual std::string short_text() const = 0;
    virtual std::string long_text() const = 0;

    /// An expression: the record's version and one more, which the session reports as Effect::number.
    virtual std::string_view raised_version() const = 0;
    /// Appended to a select whose rows must not change before the transaction ends.
    virtual std::string locking() const = 0;
    /// A condition with one question mark: does `column` match a pattern of Op::like?
    virtual std::string like(std::string_view column) const = 0;
    /// Adds a condition to `statement`: does `column` begin with `text`?
    virtual void add_prefix(Statement& statement, std::string_view column, std::string_view text) const = 0;
    /// Fields of the unique index that a session named in `duplicate_key`.
    virtual std::vector<std::string> fields_of_key(const ResourceType& type, std::string_view key) const = 0;

protected:
    explicit Dialect(char quote) : quote_(quote) {}

private:
    const char quote_;
};

}  // namespace drover::sql
