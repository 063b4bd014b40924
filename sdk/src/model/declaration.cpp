#include "drover/model/declaration.hpp"

#include <algorithm>
#include <array>

#include "names.hpp"

namespace drover {
namespace {

struct DefaultAccess {
    std::string_view field;
    std::string_view admin;
    std::string_view user;
};

/// The wire contract's permissions of the fields that nearly every type has.
constexpr std::array<DefaultAccess, 14> kDefaults{{
    {"id", "r", "r"},
    {"name", "cru", "cru"},
    {"kind", "cr", "r"},
    {"uuid", "cr", "r"},
    {"description", "cru", "cru"},
    {"state", "r", "r"},
    {"created", "r", ""},
    {"removed", "r", ""},
    {"removeTime", "ru", ""},
    {"data", "cru", ""},
    {"zoneId", "", ""},
    {"transitioning", "r", "r"},
    {"transitioningMessage", "r", "r"},
    {"transitioningProgress", "r", "r"},
}};

bool contains(const std::vector<std::string>& list, std::string_view word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

const StateChange* ProcessDefinition::starting_at(std::string_view state) const {
    for (const auto& change : changes)
        if (contains(change.start, state)) return &change;
    return nullptr;
}

const StateChange* ProcessDefinition::in_transition(std::string_view state) const {
    for (const auto& change : changes)
        if (change.transitioning == state) return &change;
    return nullptr;
}

bool ProcessDefinition::is_done(std::string_view state) const {
    return std::any_of(changes.begin(), changes.end(), [&](const StateChange& change) { return change.done == state; });
}

std::vector<Field> standard_fields(std::vector<Field> more) {
    std::vector<Field> fields{
        text_field("name"),
        text_field("kind"),
        text_field("uuid", 128).is_unique(),
        text_field("description", 1024),
        text_field("state", 128).with_index(),
        date_field("created"),
        date_field("removed"),
        date_field("removeTime"),
        json_field("data"),
    };
    for (auto& field : more) fields.push_back(std::move(field));
    return fields;
}

std::vector<ProcessDefinition> generic_processes(std::string_view resource_type) {
    const auto prefix = model_detail::lower(resource_type) + ".";
    const std::string type(resource_type);
    const std::vector<std::string> updating{"updating-active", "updating-inactive"};
    const auto with_updating = [&](std::vector<std::string> states) {
        states.insert(states.end(), updating.begin(), updating.end());
        return states;
    };
    std::vector<ProcessDefinition> all;
    const auto add = [&](std::string_view action, std::vector<StateChange> changes, std::string_view delegate = {}) {
        ProcessDefinition process;
        process.name = prefix + std::string(action);
        process.resource_type = type;
        process.changes = std::move(changes);
        if (!delegate.empty()) process.delegate = prefix + std::string(delegate);
        all.push_back(std::move(process));
    };
    add("create", {{{"requested"}, "registering", "inactive"}}, "activate");
    add("activate", {{{"inactive", "registering", "restoring"}, "activating", "active"}});
    add("deactivate", {{with_updating({"active", "activating"}), "deactivating", "inactive"}}, "remove");
    add("remove", {{with_updating({"requested", "inactive", "activating", "deactivating", "registering"}), "removing",
                    "removed"}});
    add("purge", {{{"removed"}, "purging", "purged"}});
    add("update", {{{"inactive"}, "updating-inactive", "inactive"}, {{"active"}, "updating-active", "active"}});
    add("restore", {{{"removed"}, "restoring", "inactive"}});
    return all;
}

std::string_view default_access(std::string_view kind, std::string_view field) {
    if (kind == "superadmin" || kind == "base") return field == "id" ? "r" : "cru";
    if (kind != "admin" && kind != "user") return "";
    const auto found =
        std::find_if(kDefaults.begin(), kDefaults.end(), [&](const DefaultAccess& one) { return one.field == field; });
    if (found != kDefaults.end()) return kind == "admin" ? found->admin : found->user;
    if (kind == "admin") return "cru";
    return field.size() > 2 && field.ends_with("Id") ? "r" : "";
}

}  // namespace drover
