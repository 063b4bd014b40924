#pragma once

#include <string>
#include <vector>

#include "sql/dialect.hpp"

namespace drover::sql {

/// All indexes of a type: those of single fields (unique, indexed, references) and those declared.
std::vector<Index> indexes_of(const ResourceType& type);

std::string create_table(const Dialect& dialect, const ResourceType& type);
std::string add_column(const Dialect& dialect, std::string_view type, const Field& field);
std::string create_index(const Dialect& dialect, std::string_view type, const Index& index);

/// `alias.column`, both quoted.
std::string column_of(const Dialect& dialect, std::string_view alias, std::string_view field);

}  // namespace drover::sql
