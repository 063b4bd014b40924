#pragma once

#include <memory>

#include "drover/store/resource_type.hpp"
#include "sql/session.hpp"

namespace drover::sql {

/// Booleans are stored as 0 and 1, dates and references as integers.
Value read_value(const Cells& cells, int column, FieldType type);

/// Columns of a record, in this order: id, version, then each field as declared.
int columns_of(const ResourceType& type);
Record read_record(const Cells& cells, int first, const std::shared_ptr<const ResourceType>& type);

/// One value as text and back, for the store's own tables: "n", "b1", "i-5", "r0.5", "tabc".
std::string pack_value(const Value& value);
Value unpack_value(std::string_view packed);

}  // namespace drover::sql
