#include "cli/values.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "cli/text.hpp"
#include "drover/json.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

std::string suggestion(const std::string& near) { return near.empty() ? "" : "Did you mean " + near + "?"; }

Result<json::value> whole_number(const std::string& name, const std::string& text) {
    std::int64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto* begin = text.data() + (text.starts_with('+') ? 1 : 0);
    const auto read = std::from_chars(begin, end, number);
    if (read.ec != std::errc() || read.ptr != end)
        return Error(Errc::invalid, name + "=" + printable(text) + ": expected a whole number");
    return json::value(number);
}

Result<json::value> real_number(const std::string& name, const std::string& text) {
    double number = 0;
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end || !std::isfinite(number))
        return Error(Errc::invalid, name + "=" + printable(text) + ": expected a number");
    return json::value(number);
}

Result<json::value> boolean(const std::string& name, const std::string& text) {
    const auto word = lower(text);
    for (const auto* yes : {"true", "yes", "on", "1"})
        if (word == yes) return json::value(true);
    for (const auto* no : {"false", "no", "off", "0"})
        if (word == no) return json::value(false);
    return Error(Errc::invalid, name + "=" + printable(text) + ": expected true or false");
}

Result<json::value> scalar(const Field& field, std::string_view type, const std::string& text) {
    if (type == "int") return whole_number(field.name, text);
    if (type == "float") return real_number(field.name, text);
    if (type == "boolean") return boolean(field.name, text);
    if (type == "enum" && !field.options.empty()) {
        for (const auto& option : field.options)
            if (lower(option) == lower(text)) return json::value(option);
        std::string allowed;
        for (const auto& option : field.options) allowed += (allowed.empty() ? "" : ", ") + option;
        return Error(Errc::invalid, field.name + "=" + printable(text) + ": expected one of " + allowed,
                     suggestion(nearest(text, field.options)));
    }
    return json::value(text);
}

std::vector<std::string> split(const std::string& text, char at) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
        end = text.find(at, begin);
        parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    }
    return parts;
}

/// What one word says.
struct Assignment {
    std::string name;
    std::vector<std::string> below;  ///< of environment.PATH: PATH
    std::string text;
    std::optional<json::value> raw;  ///< given with :=
};

Result<Assignment> parse_assignment(const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
        return Error(Errc::invalid, "\"" + printable(word) + "\" does not say which field it is",
                     "Write field=value, or field:=JSON.");
    Assignment made;
    const bool raw = word[equals - 1] == ':';
    made.name = word.substr(0, raw ? equals - 1 : equals);
    made.text = word.substr(equals + 1);
    if (raw) {
        auto value = parse_json(made.text);
        if (!value)
            return value.error()
                .in(printable(made.name) + ":=")
                .with_hint("Behind := stands JSON; quote it for the shell.");
        made.raw = std::move(*value);
    }
    if (made.name.find('.') != std::string::npos) {
        // Only the first dot parts: names of environment variables and properties may hold more.
        const auto dot = made.name.find('.');
        made.below = {made.name.substr(dot + 1)};
        made.name.resize(dot);
    }
    if (made.name.empty()) return Error(Errc::invalid, "\"" + printable(word) + "\" names no field");
    return made;
}

/// The field of that name when it may be given. Errors: invalid.
Result<const Field*> allowed_field(const Schema& schema, Purpose purpose, const std::string& name) {
    const auto* field = schema.field(name);
    const auto may = [&](const Field& one) { return purpose == Purpose::create ? one.create : one.update; };
    if (field && may(*field)) return field;
    std::vector<std::string> settable;
    for (const auto& one : schema.fields())
        if (may(one)) settable.push_back(one.name);
    if (!field) {
        const auto near = nearest(name, settable);
        return Error(Errc::invalid, schema.id() + " has no field " + printable(name),
                     near.empty() ? "See: drover get schema " + schema.id() + " -o yaml" : suggestion(near));
    }
    std::string list;
    for (const auto& one : settable) list += (list.empty() ? "" : ", ") + one;
    return Error(Errc::invalid,
                 field->name + " of " + schema.id() + " cannot be " +
                     (purpose == Purpose::create ? "given when one is made" : "changed"),
                 list.empty() ? "Nothing can be." : "What can be: " + list + ".");
}

Result<json::value> value_by_type(const Field& field, const std::string& text) {
    const auto outer = field.outer();
    if (outer == "array") {
        json::array items;
        if (text.empty()) return json::value(std::move(items));
        for (const auto& part : split(text, ',')) {
            auto item = scalar(field, field.inner(), part);
            if (!item) return item;
            items.push_back(std::move(*item));
        }
        return json::value(std::move(items));
    }
    if (outer == "map" || outer == "json") {
        auto value = parse_json(text);
        if (value && value->is_object()) return value;
        return Error(Errc::invalid, field.name + "=" + printable(text) + ": expected an object",
                     "Write " + field.name + ".KEY=VALUE for one member, or " + field.name + ":=JSON.");
    }
    if (text.empty() && field.nullable && outer != "string" && outer != "password") return json::value(nullptr);
    return scalar(field, outer, text);
}

void set_member(json::object& body, const std::string& field, const std::string& member, json::value value) {
    auto& map = body[field];
    if (!map.is_object()) map = json::object();
    map.as_object()[member] = std::move(value);
}

}  // namespace

Result<json::object> body_of(const Schema& schema, Purpose purpose, json::object start,
                             const std::vector<std::string>& words) {
    json::object body;
    for (auto& [name, value] : start) {
        const auto field = allowed_field(schema, purpose, name);
        if (!field) return field.error();
        body[(*field)->name] = std::move(value);
    }
    std::vector<std::string> repeated;
    for (const auto& word : words) {
        auto given = parse_assignment(word);
        if (!given) return given.error();
        const auto field = allowed_field(schema, purpose, given->name);
        if (!field) return field.error();
        const auto& name = (*field)->name;
        const auto outer = (*field)->outer();
        if (!given->below.empty()) {
            if (outer != "map" && outer != "json")
                return Error(Errc::invalid,
                             name + " of " + schema.id() + " has no members; it is of type " + (*field)->type);
            auto value = Result<json::value>(json::value(given->text));
            if (given->raw) value = std::move(*given->raw);
            else if (outer == "map") value = scalar(**field, (*field)->inner(), given->text);
            if (!value) return value.error();
            set_member(body, name, given->below.front(), std::move(*value));
            continue;
        }
        auto value = given->raw ? Result<json::value>(std::move(*given->raw)) : value_by_type(**field, given->text);
        if (!value) return value.error();
        const bool seen = std::find(repeated.begin(), repeated.end(), name) != repeated.end();
        if (seen && outer == "array" && value->is_array() && body[name].is_array()) {
            for (auto& item : value->as_array()) body[name].as_array().push_back(std::move(item));
            continue;
        }
        if (seen) return Error(Errc::invalid, name + " is given twice");
        repeated.push_back(name);
        body[name] = std::move(*value);
    }
    return body;
}

Result<json::object> free_body_of(json::object start, const std::vector<std::string>& words) {
    auto body = std::move(start);
    for (const auto& word : words) {
        auto given = parse_assignment(word);
        if (!given) return given.error();
        auto value = given->raw ? std::move(*given->raw) : json::value(given->text);
        if (given->below.empty()) body[given->name] = std::move(value);
        else set_member(body, given->name, given->below.front(), std::move(value));
    }
    return body;
}

bool is_filter(const Schema& schema, const std::string& word) {
    if (word.find('=') != std::string::npos) return true;
    for (const auto* modifier : {"_null", "_notnull"})
        if (word.ends_with(modifier) && schema.field(std::string_view(word).substr(0, word.rfind('_')))) return true;
    return false;
}

Result<Query> filters_of(const Schema& schema, const std::vector<std::string>& words) {
    Query query;
    std::vector<std::string> names;
    for (const auto& [name, modifiers] : schema.filters()) names.push_back(name);
    for (const auto& word : words) {
        const auto equals = word.find('=');
        auto name = word.substr(0, equals);
        std::string modifier;
        auto filter = std::find_if(names.begin(), names.end(), [&](auto& one) { return lower(one) == lower(name); });
        if (filter == names.end()) {
            const auto score = name.rfind('_');
            if (score != std::string::npos) {
                modifier = lower(std::string_view(name).substr(score + 1));
                name.resize(score);
                filter = std::find_if(names.begin(), names.end(), [&](auto& one) { return lower(one) == lower(name); });
            }
        }
        if (lower(name) == "id")
            return Error(Errc::invalid, "a list cannot be filtered by id",
                         "Name the ids: drover get " + schema.id() + " ID...");
        if (filter == names.end()) {
            const auto near = nearest(name, names);
            const bool field_exists = schema.field(name) != nullptr;
            return Error(
                Errc::invalid,
                schema.plural() + (field_exists ? " cannot be filtered by " : " have no field ") + printable(name),
                near.empty() || field_exists ? "See: drover get schema " + schema.id() + " -o yaml" : suggestion(near));
        }
        const auto& known = schema.filters().at(*filter);
        if (!modifier.empty() && std::find(known.begin(), known.end(), modifier) == known.end()) {
            std::string list;
            for (const auto& one : known) list += (list.empty() ? "" : ", ") + one;
            return Error(Errc::invalid,
                         *filter + " of " + schema.plural() + " cannot be filtered with " + printable(modifier),
                         "It takes: " + list + ".");
        }
        const bool bare = modifier == "null" || modifier == "notnull";
        if (!bare && equals == std::string::npos)
            return Error(Errc::invalid, "the filter " + printable(word) + " has no value",
                         "Write " + *filter + "=VALUE.");
        const auto full = *filter + (modifier.empty() ? "" : "_" + modifier);
        query.emplace_back(bare ? "!" + full : full, bare ? "" : word.substr(equals + 1));
    }
    return query;
}

Result<std::chrono::milliseconds> parse_duration(const std::string& text) {
    const auto unit_at = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto unit = text.substr(unit_at);
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + unit_at, number);
    std::int64_t factor = 0;
    if (unit.empty() || unit == "s") factor = 1000;
    else if (unit == "ms") factor = 1;
    else if (unit == "m") factor = 60'000;
    else if (unit == "h") factor = 3'600'000;
    constexpr std::int64_t kMost = 1'000'000'000'000;
    if (unit_at == 0 || factor == 0 || read.ec != std::errc() || number > kMost / factor)
        return Error(Errc::invalid, "\"" + printable(text) + "\" is not a time", "Write 30, 30s, 5m, 1h or 500ms.");
    return std::chrono::milliseconds(number * factor);
}

}  // namespace drover::cli
