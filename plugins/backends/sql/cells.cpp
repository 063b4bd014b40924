#include "sql/cells.hpp"

#include <charconv>

namespace drover::sql {

Error duplicate_key(std::string key) {
    const Error error(Errc::conflict, "a unique index refuses the row: " + key);
    return error.with_detail("key", std::move(key));
}

std::string_view key_of(const Error& error) {
    return error.code() == Errc::conflict ? error.detail("key") : std::string_view();
}

Value read_value(const Cells& cells, int column, FieldType type) {
    if (cells.is_null(column)) return {};
    switch (type) {
        case FieldType::boolean: return cells.integer(column) != 0;
        case FieldType::integer:
        case FieldType::date:
        case FieldType::reference: return cells.integer(column);
        case FieldType::real: return cells.real(column);
        case FieldType::text:
        case FieldType::json: return cells.text(column);
    }
    return {};
}

int columns_of(const ResourceType& type) { return static_cast<int>(type.fields.size()) + 2; }

Record read_record(const Cells& cells, int first, const std::shared_ptr<const ResourceType>& type) {
    std::vector<Value> values;
    values.reserve(type->fields.size());
    int column = first + 2;
    for (const auto& field : type->fields) values.push_back(read_value(cells, column++, field.type));
    return Record(type, cells.integer(first), cells.integer(first + 1), std::move(values));
}

std::string pack_value(const Value& value) {
    if (const auto* flag = value.if_boolean()) return *flag ? "b1" : "b0";
    if (const auto* number = value.if_integer()) return "i" + std::to_string(*number);
    if (const auto* text = value.if_text()) return "t" + *text;
    if (const auto* real = value.if_real()) {
        char digits[40];
        const auto end = std::to_chars(digits, digits + sizeof digits, *real).ptr;
        return "r" + std::string(digits, end);
    }
    return "n";
}

Value unpack_value(std::string_view packed) {
    const auto rest = packed.substr(packed.empty() ? 0 : 1);
    const auto number = [&](auto value) {
        std::from_chars(rest.data(), rest.data() + rest.size(), value);
        return value;
    };
    switch (packed.empty() ? 'n' : packed.front()) {
        case 'b': return rest == "1";
        case 'i': return number(std::int64_t{0});
        case 'r': return number(0.0);
        case 't': return rest;
        default: return {};
    }
}

}  // namespace drover::sql
