#include "cli/columns.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>

#include "cli/json_text.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostColumns = 9;

/// What nearly every type has and nobody looks for in a table.
constexpr std::array<std::string_view, 16> kCommon{"id",
                                                   "type",
                                                   "name",
                                                   "state",
                                                   "uuid",
                                                   "description",
                                                   "created",
                                                   "removed",
                                                   "removeTime",
                                                   "data",
                                                   "accountId",
                                                   "zoneId",
                                                   "transitioning",
                                                   "transitioningMessage",
                                                   "transitioningProgress",
                                                   "transitioningInternalMessage"};

bool common(std::string_view name) { return std::find(kCommon.begin(), kCommon.end(), name) != kCommon.end(); }

bool empty(const json::value* value) {
    if (!value || value->is_null()) return true;
    if (const auto* text = value->if_string()) return text->empty();
    if (const auto* list = value->if_array()) return list->empty();
    return false;
}

bool any_has(const json::array& rows, const std::string& column) {
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return !empty(value_at(row, column)); });
}

bool is_secret(std::string_view name) { return lower(name).find("secret") != std::string::npos; }

bool tabular(const Field& field) {
    const auto kind = field.outer();
    return kind != "map" && kind != "json" && kind != "blob" && kind != "password" && !is_secret(field.name) &&
           lower(field.name).find("password") == std::string::npos;
}

}  // namespace

const json::value* value_at(const json::value& row, const std::string& column) {
    const auto* object = row.if_object();
    if (!object) return nullptr;
    if (const auto* value = object->if_contains(column)) return value;
    const auto dot = column.find('.');
    const auto* below = dot == std::string::npos ? nullptr : object->if_contains(column.substr(0, dot));
    return below ? value_at(*below, column.substr(dot + 1)) : nullptr;
}

std::string cell_text(const json::value& value) {
    if (value.is_null()) return {};
    if (const auto* text = value.if_string()) return std::string(*text);
    if (const auto* list = value.if_array()) {
        std::string joined;
        for (const auto& item : *list) joined += (joined.empty() ? "" : ",") + cell_text(item);
        return joined;
    }
    if (const auto* object = value.if_object())
        if (const auto* id = object->if_contains("id"); id && id->is_string()) return std::string(id->as_string());
    return compact_json(value);
}

std::vector<std::string> choose_columns(const Schema& schema, const json::array& rows,
                                        const std::vector<std::string>& included) {
    std::vector<std::string> columns;
    for (const auto* first : {"id", "name", "state"})
        if (schema.field(first) || (std::string_view(first) == "id" && any_has(rows, first)))
            columns.emplace_back(first);
    const bool failed = std::any_of(rows.begin(), rows.end(), [](const auto& row) {
        const auto* value = value_at(row, "transitioning");
        return value && value->is_string() && value->as_string() == "error";
    });
    const auto besides = included.size() + (failed ? 1 : 0);
    const auto room = besides < kMostColumns ? kMostColumns - besides : 0;
    if (schema.field("kind") && any_has(rows, "kind")) columns.emplace_back("kind");
    for (const bool references : {true, false}) {
        for (const auto& field : schema.fields()) {
            if (columns.size() >= room) break;
            if (common(field.name) || !tabular(field) || (field.outer() == "reference") != references) continue;
            if (field.name != "kind" && any_has(rows, field.name)) columns.push_back(field.name);
        }
    }
    columns.insert(columns.end(), included.begin(), included.end());
    if (failed) columns.emplace_back("transitioningMessage");
    return columns;
}

void add_secrets(std::vector<std::string>& columns, const Schema& schema, const json::array& rows) {
    for (const auto& field : schema.fields())
        if (is_secret(field.name) && any_has(rows, field.name) &&
            std::find(columns.begin(), columns.end(), field.name) == columns.end())
            columns.push_back(field.name);
}

void keep_secrets(json::value& resource, const json::value& earlier) {
    auto* now = resource.if_object();
    const auto* before = earlier.if_object();
    if (!now || !before) return;
    for (const auto& [name, value] : *before)
        if (is_secret(name) && !value.is_null() && empty(now->if_contains(name))) (*now)[name] = value;
}

Result<std::vector<std::string>> check_columns(const Schema& schema, const std::vector<std::string>& wanted,
                                               const std::vector<std::string>& included) {
    std::vector<std::string> columns;
    for (const auto& one : wanted) {
        const auto dot = one.find('.');
        const auto head = one.substr(0, dot);
        const auto rest = dot == std::string::npos ? "" : one.substr(dot);
        const auto link = std::find_if(included.begin(), included.end(),
                                       [&](const auto& name) { return lower(name) == lower(head); });
        if (const auto* field = schema.field(head)) columns.push_back(field->name + rest);
        else if (link != included.end()) columns.push_back(*link + rest);
        else if (head == "id" || head == "type" || head == "links" || head == "actions") columns.push_back(one);
        else {
            const auto near = nearest(head, schema.field_names());
            return Error(
                Errc::invalid, schema.id() + " has no field " + printable(head),
                near.empty() ? "See: drover get schema " + schema.id() + " -o yaml" : "Did you mean " + near + "?");
        }
    }
    if (columns.empty()) return Error(Errc::invalid, "--columns names no field");
    return columns;
}

std::string resources_table(const std::vector<std::string>& columns, const json::array& rows, std::size_t widest_cell) {
    Table table(columns);
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        for (const auto& column : columns) {
            const auto* value = value_at(row, column);
            cells.push_back(value ? cell_text(*value) : "");
        }
        table.add(std::move(cells));
    }
    return table.text(widest_cell);
}

}  // namespace drover::cli
