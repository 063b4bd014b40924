#include "changes.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "drover/json.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr std::size_t kDeepest = 64;
constexpr std::string_view kFields = "fields";
constexpr std::array<std::string_view, 4> kProgress{"transitioning", "transitioningMessage",
                                                    "transitioningInternalMessage", "transitioningProgress"};

bool same_word(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::int64_t> whole_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// "2014-09-01T12:30:00Z", with or without a fraction. None when it is no date.
std::optional<std::int64_t> date_of(std::string_view text) {
    if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' ||
        text.back() != 'Z')
        return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t length) { return whole_number(text.substr(at, length)); };
    const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
    const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    std::int64_t millis = 0;
    if (text.size() > 21 && text[19] == '.') {
        std::string fraction(text.substr(20, text.size() - 21));
        fraction.resize(3, '0');
        millis = whole_number(fraction).value_or(0);
    }
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(days).count() +
           ((*hour * 60 + *minute) * 60 + *second) * 1'000 + millis;
}

Error wrong(const Field& field, const json::value& seen, std::string_view allowed) {
    auto text = json::serialize(seen);
    if (text.size() > 80) text = text.substr(0, 77) + "...";
    return Error(Errc::invalid, field.name + " cannot be " + text + ": " + std::string(allowed))
        .with_detail("field", field.name);
}

Result<Value> integer_value(const Field& field, const json::value& given) {
    if (given.is_int64()) return Value(given.get_int64());
    if (given.is_uint64() && given.get_uint64() <= std::uint64_t{INT64_MAX})
        return Value(static_cast<std::int64_t>(given.get_uint64()));
    if (given.is_double()) {
        const auto real = given.get_double();
        if (std::trunc(real) == real && std::abs(real) < 9.0e18) return Value(static_cast<std::int64_t>(real));
    }
    if (given.is_string()) {
        const std::string_view text = given.get_string();
        if (const auto number = whole_number(text)) return Value(*number);
        if (field.type == FieldType::date)
            if (const auto date = date_of(text)) return Value(*date);
        if (field.type == FieldType::reference)
            if (const auto id = parse_row_id(text)) return Value(*id);
        if (text.empty()) return Value();
    }
    if (field.type == FieldType::date) return wrong(field, given, "a date or milliseconds since 1970 are");
    return wrong(field, given, "a whole number is expected");
}

/// The object at `data.fields`, made when there is none.
json::object& fields_of(json::object& data) {
    auto& fields = data[kFields];
    if (!fields.is_object()) fields = json::object{};
    return fields.get_object();
}

}  // namespace

std::int64_t to_millis(WallTime time) { return time.time_since_epoch().count(); }

json::object parse_object(std::string_view text) {
    if (text.empty()) return {};
    auto parsed = parse_json(text, kDeepest);
    if (!parsed || !parsed->is_object()) return {};
    return std::move(parsed->get_object());
}

std::string to_text(const json::object& object) { return json::serialize(object); }

Result<Value> to_value(const Field& field, const json::value& given) {
    if (given.is_null()) return Value();
    switch (field.type) {
        case FieldType::boolean:
            if (given.is_bool()) return Value(given.get_bool());
            if (given.is_string() && (given.get_string() == "true" || given.get_string() == "false"))
                return Value(given.get_string() == "true");
            if (given.is_int64()) return Value(given.get_int64() != 0);
            return wrong(field, given, "true or false is expected");
        case FieldType::integer:
        case FieldType::date:
        case FieldType::reference: return integer_value(field, given);
        case FieldType::real:
            if (given.is_double()) return Value(given.get_double());
            if (given.is_int64()) return Value(static_cast<double>(given.get_int64()));
            if (given.is_uint64()) return Value(static_cast<double>(given.get_uint64()));
            return wrong(field, given, "a number is expected");
        case FieldType::json: return Value(json::serialize(given));
        case FieldType::text:
            if (given.is_string()) return Value(std::string_view(given.get_string()));
            return Value(json::serialize(given));
    }
    return Value();
}

bool knows_virtual(const Model& model, const ResourceType& type, std::string_view kind, std::string_view name) {
    if (std::find(kProgress.begin(), kProgress.end(), name) != kProgress.end()) return true;
    const auto has = [&](const ApiType* api) {
        return api && std::any_of(api->fields.begin(), api->fields.end(), [&](const ApiField& field) {
                   return field.name == name && !type.find(name) && name != "id";
               });
    };
    if (has(model.find(type.name))) return true;
    const auto* child = kind.empty() ? nullptr : model.find(kind);
    return child && child->base == type.name && has(child);
}

Result<RowChanges> changes_of(const Model& model, const Record& record, const json::object& changes) {
    RowChanges result;
    const auto& type = record.type();
    std::optional<json::object> data;  // read when first changed
    const auto the_data = [&]() -> json::object& {
        if (!data) data = data_of(record);
        return *data;
    };
    const auto assign = [&](const std::string& name, Value value) {
        if (record[name] == value) return;
        result.values.emplace_back(name, Term(std::move(value)));
    };
    // The whole of `data` comes before what is put into it, however they are ordered.
    if (const auto* whole = changes.if_contains("data"); whole && type.find("data")) {
        if (whole->is_object()) the_data() = whole->get_object();
        else if (whole->is_null()) the_data() = {};
    }
    for (const auto& [raw_key, value] : changes) {
        const std::string_view given(raw_key);
        const bool merging = given.starts_with('+') && value.is_object();
        const auto key = merging ? given.substr(1) : given;
        if (key == "id" || key == "type") continue;
        if (const auto at = type.find(key)) {
            const auto& field = type.fields[*at];
            if (field.name == "data") {
                if (merging) merge_object(the_data(), value.get_object());
                continue;
            }
            if (merging) {
                // What is there and no object stays as it is.
                auto there = parse_json(record[field.name].text("{}"), kDeepest);
                if (field.type != FieldType::json || !there || !there->is_object()) continue;
                merge_object(there->get_object(), value.get_object());
                result.needs_version = true;
                assign(field.name, Value(json::serialize(*there)));
                continue;
            }
            auto stored = to_value(field, value);
            if (!stored) return stored.error();
            assign(field.name, std::move(*stored));
            continue;
        }
        if (knows_virtual(model, type, record["kind"].text(), key)) {
            auto& fields = fields_of(the_data());
            if (merging) {
                auto* there = fields.if_contains(key);
                if (!there) there = &(fields[key] = json::object{});
                if (there->is_object()) merge_object(there->get_object(), value.get_object());
            } else {
                fields[key] = value;
            }
            continue;
        }
        if (!value.is_object()) continue;
        for (const auto& link : model.schema().links(type.name))
            if (link.kind == Link::Kind::reference && same_word(link.name, key))
                result.linked.emplace_back(&link, value.get_object());
    }
    if (data) {
        result.needs_version = true;
        auto text = to_text(*data);
        if (!(record["data"].is_null() && data->empty())) assign("data", Value(std::move(text)));
    }
    return result;
}

Result<NewRow> new_row(const Model& model, std::string_view type, const json::object& values, WallTime now) {
    const auto* api = model.find(type);
    const auto* resource = api ? model.resource(*api) : model.schema().find(type);
    if (!resource) return Error(Errc::invalid, std::string(type) + " is no resource type");
    NewRow row;
    row.type = resource->name;

    json::object all;
    const auto given_kind = values.if_contains("kind");
    const std::string kind = given_kind && given_kind->is_string() ? std::string(given_kind->get_string())
                                                                   : (api ? api->name : resource->name);
    if (resource->find("kind")) all["kind"] = kind;
    const auto* base = model.find(resource->name);
    for (const auto* shown : {base, api})
        if (shown)
            for (const auto& field : shown->fields)
                if (!field.fallback.is_null()) all[field.name] = field.fallback;
    for (const auto& [key, value] : values) all[key] = value;

    // `kind` decides which virtual fields there are.
    std::vector<Value> first(resource->fields.size());
    if (const auto at = resource->find("kind")) first[*at] = Value(kind);
    auto changes = changes_of(model, Record(model.schema().share(resource->name), 0, 0, std::move(first)), all);
    if (!changes) return changes.error();
    row.values = std::move(changes->values);
    const auto given = [&](std::string_view name) {
        return std::any_of(row.values.begin(), row.values.end(), [&](const auto& one) { return one.first == name; });
    };
    const auto fill = [&](std::string_view name, Value value) {
        if (resource->find(name) && !given(name)) row.values.emplace_back(std::string(name), Term(std::move(value)));
    };
    fill("kind", Value(kind));
    fill("uuid", Value(new_uuid()));
    fill("created", Value(to_millis(now)));
    fill("data", Value("{}"));
    return row;
}

Record with_values(const Model& model, const Record& record, const Assignments& values, std::int64_t version) {
    auto all = record.values();
    for (const auto& [name, term] : values) {
        const auto at = record.type().find(name);
        if (at && std::holds_alternative<Value>(term)) all[*at] = std::get<Value>(term);
    }
    return Record(model.schema().share(record.type().name), record.id(), version, std::move(all));
}

Record created_record(const Model& model, const NewRow& row, std::int64_t id, std::int64_t version) {
    const auto type = model.schema().share(row.type);
    std::vector<Value> values;
    values.reserve(type->fields.size());
    for (const auto& field : type->fields) values.push_back(field.fallback);
    return with_values(model, Record(type, id, version, std::move(values)), row.values, version);
}

std::optional<std::string> without_transitioning(const Record& record) {
    // The word is looked for first: most rows have never told anything.
    if (record["data"].text().find("\"transitioning") == std::string_view::npos) return std::nullopt;
    auto data = data_of(record);
    auto* fields = data.if_contains(kFields);
    if (!fields || !fields->is_object()) return std::nullopt;
    bool changed = false;
    for (const auto name : kProgress) changed = fields->get_object().erase(name) > 0 || changed;
    if (!changed) return std::nullopt;
    return to_text(data);
}

}  // namespace drover::engine
