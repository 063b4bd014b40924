#pragma once

#include <boost/json/value.hpp>

#include <string>
#include <vector>

#include "cli/schema.hpp"

namespace drover::cli {

/// What a table of such resources shows when nobody says: id, name and state, then the fields that are the
/// type's own (references first), as far as any row has a value there; transitioningMessage when a row failed.
std::vector<std::string> choose_columns(const Schema& schema, const boost::json::array& rows,
                                        const std::vector<std::string>& included = {});

/// Adds the columns of secrets that rows have. The API tells a generated secret once and never again, so one that
/// came must be shown, whatever columns were asked for.
void add_secrets(std::vector<std::string>& columns, const Schema& schema, const boost::json::array& rows);
/// Keeps the secrets of an earlier answer about a resource in a later one.
void keep_secrets(boost::json::value& resource, const boost::json::value& earlier);

/// The columns of --columns, each a field in any letter case, or a path into one: data.fields.hello.
/// Errors: invalid, with the nearest field.
Result<std::vector<std::string>> check_columns(const Schema& schema, const std::vector<std::string>& wanted,
                                               const std::vector<std::string>& included = {});

/// What a cell shows of a value: texts as they are, lists joined by commas, resources by their id.
std::string cell_text(const boost::json::value& value);
/// The value at a column of a row; null when there is none.
const boost::json::value* value_at(const boost::json::value& row, const std::string& column);

/// Rows as a table.
std::string resources_table(const std::vector<std::string>& columns, const boost::json::array& rows,
                            std::size_t widest_cell);

}  // namespace drover::cli
