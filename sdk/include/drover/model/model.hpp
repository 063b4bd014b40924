#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/model/declaration.hpp"
#include "drover/result.hpp"

namespace [[gnu::visibility("default")]] drover {

/// All that the plugins of a composition declare, together and checked.
/// Thread-safety: immutable once made.
class Model {
public:
    /// Types without an ApiType get one with the defaults.
    /// Errors: invalid, listing everything that is wrong with the declarations.
    static Result<std::shared_ptr<const Model>> make(std::vector<ResourceType> resources, std::vector<ApiType> api,
                                                     std::vector<ProcessDefinition> processes);

    const Schema& schema() const { return *schema_; }
    const std::shared_ptr<const Schema>& shared_schema() const { return schema_; }
    const std::vector<ApiType>& types() const { return types_; }
    const std::vector<ProcessDefinition>& processes() const { return processes_; }

    /// By the name in any case, singular or plural; null when there is none.
    const ApiType* find(std::string_view name) const;
    /// The resource type behind an API type: itself, its base, or null when it has no table.
    const ResourceType* resource(const ApiType& type) const;
    /// The API type as which a row shows: its kind's child of the row's type where there is one.
    const ApiType* shown_as(const Record& record) const;
    std::string plural(const ApiType& type) const;
    /// Children of a resource type: container and virtualMachine of instance.
    std::vector<const ApiType*> children(std::string_view resource_type) const;

    /// "instance.start"; null when there is none.
    const ProcessDefinition* process(std::string_view name) const;
    /// Those of one resource type, with the action's name ("start").
    std::vector<std::pair<std::string, const ProcessDefinition*>> processes_of(std::string_view resource_type) const;
    /// Does any process of the type pass through `state`, so that a client should wait?
    bool is_transitioning(std::string_view resource_type, std::string_view state) const;

private:
    friend class ModelBuilder;
    std::shared_ptr<const Schema> schema_;  // owners: the model and its users
    std::vector<ApiType> types_;
    std::vector<ProcessDefinition> processes_;
    std::map<std::string, std::size_t, std::less<>> type_names_;     // lower case, singular and plural
    std::map<std::string, std::size_t, std::less<>> process_names_;  // lower case
};

/// The id that clients see: `1`, the first letter of the base type, its capitals in lower case, the number:
/// "1ihm12". Texts that do not begin with a digit get a '!' between: "1pd!instance.start".
std::string format_id(std::string_view base_type, std::int64_t id);
std::string format_id(std::string_view base_type, std::string_view raw);
/// The raw id in what a client sent; none when it is not one. Text that begins with a letter is raw already.
std::optional<std::string> parse_id(std::string_view text);
/// The same for rows: none when it is no number.
std::optional<std::int64_t> parse_row_id(std::string_view text);

/// A row as events and agents see it: all fields, `id` and references as numbers, dates in milliseconds, `data`
/// as an object, `type` beside them. A credential's secretValue is left out.
boost::json::object to_event_object(const Record& record);

/// The row's `data`, or {} when it is null or not an object.
boost::json::object data_of(const Record& record);
/// `data.fields.NAME`; null when there is none.
boost::json::value virtual_field(const Record& record, std::string_view name);

/// Merges `changes` into `target`: plain keys overwrite, `+key` with an object goes into the object there.
void merge_object(boost::json::object& target, const boost::json::object& changes);

/// A new random UUID, version 4 (RFC 9562).
std::string new_uuid();
/// The UUID, version 5, of `name` in Drover's name space: the same for the same name, for ever.
std::string derived_uuid(std::string_view name);

}  // namespace drover
