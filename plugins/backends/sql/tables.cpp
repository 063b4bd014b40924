#include "sql/tables.hpp"

#include <algorithm>
#include <charconv>

namespace drover::sql {
namespace {

std::string literal(const Dialect& dialect, const Value& value) {
    if (const auto* flag = value.if_boolean()) return *flag ? "1" : "0";
    if (const auto* number = value.if_integer()) return std::to_string(*number);
    if (const auto* text = value.if_text()) return dialect.text_literal(*text);
    if (const auto* real = value.if_real()) {
        char digits[40];
        const auto end = std::to_chars(digits, digits + sizeof digits, *real, std::chars_format::scientific).ptr;
        return std::string(digits, end);
    }
    return "NULL";
}

/// Never NOT NULL: whoever writes is checked by check_batch, and a later version may stop declaring the
/// field while the column stays. The default is what an older version stores without knowing the field.
std::string column_definition(const Dialect& dialect, const Field& field) {
    auto text = dialect.quoted(field.name) + " " + dialect.column_type(field);
    if (!field.fallback.is_null()) text += " DEFAULT " + literal(dialect, field.fallback);
    return text;
}

}  // namespace

std::string Dialect::quoted(std::string_view name) const {
    std::string text;
    append_quoted(text, name);
    return text;
}

void Dialect::append_quoted(std::string& to, std::string_view name) const {
    to += quote_;
    to += name;
    to += quote_;
}

std::vector<Index> indexes_of(const ResourceType& type) {
    std::vector<Index> indexes;
    const auto add = [&](Index index) {
        const auto same = std::find_if(indexes.begin(), indexes.end(),
                                       [&](const Index& other) { return other.fields == index.fields; });
        if (same == indexes.end()) indexes.push_back(std::move(index));
        else same->unique = same->unique || index.unique;
    };
    for (const auto& field : type.fields)
        if (field.unique || field.indexed || field.type == FieldType::reference) add({{field.name}, field.unique});
    for (const auto& index : type.indexes) add(index);
    return indexes;
}

std::string create_table(const Dialect& dialect, const ResourceType& type) {
    auto text = "CREATE TABLE " + dialect.quoted(type.name) + " (" + dialect.quoted("id") + " " +
                dialect.id_definition() + ", " + dialect.quoted("version") + " " +
                dialect.column_type(integer_field("version")) + " NOT NULL";
    for (const auto& field : type.fields) text += ", " + column_definition(dialect, field);
    return text + ")" + dialect.table_options();
}

std::string add_column(const Dialect& dialect, std::string_view type, const Field& field) {
    return "ALTER TABLE " + dialect.quoted(type) + " ADD COLUMN " + column_definition(dialect, field);
}

std::string create_index(const Dialect& dialect, std::string_view type, const Index& index) {
    auto text = std::string(index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") +
                dialect.quoted(dialect.index_name(type, index)) + " ON " + dialect.quoted(type) + " (";
    for (std::size_t i = 0; i < index.fields.size(); ++i)
        text += (i == 0 ? "" : ", ") + dialect.quoted(index.fields[i]);
    return text + ")";
}

std::string column_of(const Dialect& dialect, std::string_view alias, std::string_view field) {
    return std::string(alias) + "." + dialect.quoted(field);
}

}  // namespace drover::sql
