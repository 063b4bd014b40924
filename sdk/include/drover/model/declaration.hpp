#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/store/resource_type.hpp"

/// What a plugin declares about its resource types, as data, beside the stored fields (store/resource_type.hpp):
/// how the API shows them, who may do what, and which processes change their state. From it come the API's
/// schemas, the CLI's columns, the permissions and the process definitions.
namespace [[gnu::visibility("default")]] drover {

/// By account kind ("admin", "user", "agent", "agentRegister"), letters of "crud": create, read, update, delete.
/// A kind that is not named gets the default: see `default_access`.
using AccessByKind = std::map<std::string, std::string, std::less<>>;

/// One field as the API shows it. Of a stored field only what differs from its column need be said; any other
/// name declares a virtual field, which is kept in `data.fields.NAME`.
struct ApiField {
    std::string name;
    /// string, password, float, int, date, blob, boolean, enum, reference[T], array[X], map[X], or a type's
    /// name. Empty: that of the column.
    std::string type{};
    AccessByKind access{};
    bool shown = true;  ///< in answers
    std::optional<bool> nullable{};
    bool required = false;
    bool unique = false;  ///< among rows that are not removed
    boost::json::value fallback{};
    std::optional<std::int64_t> min{};
    std::optional<std::int64_t> max{};
    std::optional<std::int64_t> min_length{};
    std::optional<std::int64_t> max_length{};
    std::vector<std::string> options{};  ///< of an enum
    std::string valid_chars{};           ///< a regular expression's class, such as "a-z0-9-"
    std::string invalid_chars{};
    std::string about{};
};

/// An action that is no process. Processes give theirs by themselves.
struct ApiAction {
    std::string name;
    std::string input{};   ///< a type whose creatable fields are accepted; empty: everything is passed on
    std::string output{};  ///< empty: the type itself
};

/// A type as the API shows it.
struct ApiType {
    std::string name;      ///< of a resource type, of a child of one, or of one without a table
    std::string base{};    ///< child: the resource type whose rows of kind `name` these are ("instance")
    std::string plural{};  ///< where it is not the rule's
    AccessByKind access{};
    std::vector<ApiField> fields{};
    std::vector<ApiAction> actions{};
    bool inherits = true;  ///< child: also has the fields that the base shows
    std::string about{};
};

/// One way through a process: from any of `start` through `transitioning` to `done`.
struct StateChange {
    std::vector<std::string> start;
    std::string transitioning;
    std::string done;
};

/// A durable change of state, such as instance.start. Its name is `<type in lower case>.<action>`.
struct ProcessDefinition {
    std::string name;
    std::string resource_type;  ///< as declared: "instanceHostMap"
    std::vector<StateChange> changes;
    std::string delegate{};  ///< the process that goes on when this one asks for it, or does not fit the state
    std::string state_field = "state";
    int priority = 0;  ///< greater goes first

    /// The change that a resource in state `state` is in or can begin; none when it is in neither.
    const StateChange* starting_at(std::string_view state) const;
    const StateChange* in_transition(std::string_view state) const;
    bool is_done(std::string_view state) const;
};

/// The fields that nearly every type has: name, kind, uuid (unique), description, state, created, removed,
/// removeTime, data; put `more` behind them.
std::vector<Field> standard_fields(std::vector<Field> more = {});

/// create, activate, deactivate, remove, purge, update and restore with the usual states.
std::vector<ProcessDefinition> generic_processes(std::string_view resource_type);

/// What `kind` may do with a stored field of this name when nothing is declared: admin and superadmin as the
/// name says (id r, name cru, kind cr, uuid cr, state r, created r, removed r, removeTime ru, `*Id` cru ...),
/// user less, all others nothing.
std::string_view default_access(std::string_view kind, std::string_view field);

}  // namespace drover
