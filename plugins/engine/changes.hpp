#pragma once

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/model/model.hpp"
#include "drover/store/batch.hpp"

/// How JSON (results of logic, replies of agents, what the API was given) becomes fields of rows.
namespace drover::engine {

/// The text of a `data` column as an object; {} when it is none.
boost::json::object parse_object(std::string_view text);
std::string to_text(const boost::json::object& object);

/// Errors: invalid, naming the field.
Result<Value> to_value(const Field& field, const boost::json::value& json);

/// Does the API show a virtual field of this name for rows of this type and kind?
bool knows_virtual(const Model& model, const ResourceType& type, std::string_view kind, std::string_view name);

/// What changes do to one row.
struct RowChanges {
    Assignments values;
    /// Changes to rows that references of this one lead to, by the link's name.
    std::vector<std::pair<const Link*, boost::json::object>> linked;
    /// A whole column was rewritten from what was read, so the version must still be that.
    bool needs_version = false;
};

/// Keys: a field, `+field` with an object, a reference link with an object, a virtual field; others are ignored.
/// Errors: invalid.
Result<RowChanges> changes_of(const Model& model, const Record& record, const boost::json::object& changes);

/// The values of a new row, without its state. Gives it a uuid and `created`, and what the type declares.
struct NewRow {
    std::string type;  ///< resource type
    Assignments values;
};
/// `type`: an API type; a child gives its name as `kind`. Errors: invalid (no such type).
Result<NewRow> new_row(const Model& model, std::string_view type, const boost::json::object& values, WallTime now);

/// The record as it is after assignments to it.
Record with_values(const Model& model, const Record& record, const Assignments& values, std::int64_t version);
/// A record that was just created.
Record created_record(const Model& model, const NewRow& row, std::int64_t id, std::int64_t version);

/// The `data` without what a process before told about itself; none when there is nothing to take out.
std::optional<std::string> without_transitioning(const Record& record);

std::int64_t to_millis(WallTime time);

}  // namespace drover::engine
