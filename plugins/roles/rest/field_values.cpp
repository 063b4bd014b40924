#include "field_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <boost/json/serialize.hpp>

#include "errors.hpp"
#include "json_text.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

/// Does the class, as it stands between the brackets of a regular expression, hold `c`?
bool in_class(unsigned char c, std::string_view characters) {
    const auto is_word = [](unsigned char one) {
        return (one >= 'a' && one <= 'z') || (one >= 'A' && one <= 'Z') || (one >= '0' && one <= '9') || one == '_';
    };
    for (std::size_t i = 0; i < characters.size(); ++i) {
        auto first = static_cast<unsigned char>(characters[i]);
        if (first == '\\' && i + 1 < characters.size()) {
            first = static_cast<unsigned char>(characters[++i]);
            if (first == 'w' || first == 'd' || first == 's') {
                const bool holds = first == 'w'   ? is_word(c)
                                   : first == 'd' ? c >= '0' && c <= '9'
                                                  : c == ' ' || (c >= '\t' && c <= '\r');
                if (holds) return true;
                continue;
            }
            if (first == 'n') first = '\n';
            else if (first == 'r') first = '\r';
            else if (first == 't') first = '\t';
        }
        auto last = first;
        if (i + 2 < characters.size() && characters[i + 1] == '-') {
            i += 2;
            if (characters[i] == '\\' && i + 1 < characters.size()) ++i;
            last = static_cast<unsigned char>(characters[i]);
        }
        if (c >= first && c <= last) return true;
    }
    return false;
}

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

class Converter {
public:
    Converter(const FieldSchema& field, const Caller& caller, std::vector<ReferenceCheck>& references)
        : field_(field), caller_(caller), references_(references) {}

    Result<json::value> convert(const ValueType& type, const json::value& given) {
        using Kind = ValueType::Kind;
        if (type.kind == Kind::array) return array(type, given);
        if (type.kind == Kind::map) return map(type, given);
        if (type.kind == Kind::any) return given;
        // Clients send a list where one value is expected; its first stands for it.
        const json::value* one = &given;
        while (one->is_array() && !one->as_array().empty()) one = &one->as_array().front();
        if (one->is_null() || one->is_array()) return json::value(nullptr);
        switch (type.kind) {
            case Kind::text: return text(*one);
            case Kind::integer: return integer(*one);
            case Kind::real: return real(*one);
            case Kind::boolean: return boolean(*one);
            case Kind::date: return date(*one);
            default: return reference(type, *one);
        }
    }

private:
    Error wrong(std::string_view what) const {
        return invalid_field("InvalidFormat", field_.name, field_.name + " is " + std::string(what));
    }

    Result<json::value> array(const ValueType& type, const json::value& given) {
        json::array list;
        if (given.is_null()) return json::value(nullptr);
        if (!given.is_array()) {
            auto one = convert(*type.element, given);
            if (!one) return one.error();
            list.push_back(std::move(*one));
            return json::value(std::move(list));
        }
        for (const auto& item : given.as_array()) {
            auto one = convert(*type.element, item);
            if (!one) return one.error();
            list.push_back(std::move(*one));
        }
        return json::value(std::move(list));
    }

    Result<json::value> map(const ValueType& type, const json::value& given) {
        if (given.is_null()) return json::value(nullptr);
        if (!given.is_object()) return wrong("a JSON object");
        json::object object;
        for (const auto& [key, value] : given.as_object()) {
            auto one = convert(*type.element, value);
            if (!one) return one.error();
            object[key] = std::move(*one);
        }
        return json::value(std::move(object));
    }

    Result<json::value> text(const json::value& given) const {
        if (given.is_string()) return given;
        if (given.is_object()) return wrong("a text");
        return json::value(json::serialize(given));  // a number or a flag, as it was written
    }

    Result<json::value> integer(const json::value& given) const {
        if (given.is_int64()) return given;
        if (given.is_double()) {
            const double number = given.as_double();
            if (std::nearbyint(number) == number && std::abs(number) < 9e15)
                return json::value(static_cast<std::int64_t>(number));
        }
        if (given.is_string()) {
            const auto& digits = given.as_string();
            if (digits.empty()) return json::value(nullptr);
            std::int64_t number = 0;
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (read.ec == std::errc() && read.ptr == digits.data() + digits.size()) return json::value(number);
        }
        return wrong("a whole number of at most 63 bits");
    }

    Result<json::value> real(const json::value& given) const {
        if (given.is_double()) return given;
        if (given.is_int64()) return json::value(static_cast<double>(given.as_int64()));
        if (given.is_uint64()) return json::value(static_cast<double>(given.as_uint64()));
        if (given.is_string()) {
            const auto& digits = given.as_string();
            if (digits.empty()) return json::value(nullptr);
            double number = 0;
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (read.ec == std::errc() && read.ptr == digits.data() + digits.size() && std::isfinite(number))
                return json::value(number);
        }
        return wrong("a number");
    }

    Result<json::value> boolean(const json::value& given) const {
        if (given.is_bool()) return given;
        if (given.is_int64()) return json::value(given.as_int64() != 0);
        if (given.is_string()) {
            const auto word = lower(given.as_string());
            for (const auto* yes : {"true", "yes", "on", "1", "t", "y"})
                if (word == yes) return json::value(true);
            for (const auto* no : {"false", "no", "off", "0", "f", "n", ""})
                if (word == no) return json::value(false);
        }
        return wrong("true or false");
    }

    Result<json::value> date(const json::value& given) const {
        if (given.is_int64()) return given;
        if (given.is_string()) {
            if (given.as_string().find_first_not_of(' ') == json::string::npos) return json::value(nullptr);
            if (const auto at = parse_date(given.as_string())) return json::value(*at);
        }
        return invalid_field("InvalidDateFormat", field_.name, "dates are written as 2014-05-30T12:00:00Z");
    }

    Result<json::value> reference(const ValueType& type, const json::value& given) {
        std::optional<std::int64_t> id;
        if (given.is_string()) {
            if (given.as_string().empty()) return json::value(nullptr);
            id = caller_.parse(given.as_string());
        } else if (given.is_int64() && caller_.plain_ids) {
            id = given.as_int64();
        }
        if (!id || *id <= 0)
            return invalid_field("InvalidReference", field_.name, field_.name + " is the id of a " + type.target);
        if (references_.size() >= kMostReferences)
            return invalid_field("MaxLimitExceeded", field_.name,
                                 "at most " + std::to_string(kMostReferences) + " ids in one request");
        references_.push_back({field_.name, type.target, *id});
        return json::value(*id);
    }

    const FieldSchema& field_;
    const Caller& caller_;
    std::vector<ReferenceCheck>& references_;
};

/// The field's own limits, on each item where it is an array.
Result<void> check_limits(const FieldSchema& field, const json::value& value) {
    if (value.is_null()) return ok;
    if (value.is_array()) {
        for (const auto& one : value.as_array())
            if (auto checked = check_limits(field, one); !checked) return checked;
        return ok;
    }
    const auto refuse = [&](const char* code, const std::string& what) {
        return invalid_field(code, field.name, field.name + " " + what);
    };
    if (value.is_int64() || value.is_double()) {
        const double number = value.is_int64() ? static_cast<double>(value.as_int64()) : value.as_double();
        if (field.min && number < static_cast<double>(*field.min))
            return refuse("MinLimitExceeded", "is at least " + std::to_string(*field.min));
        if (field.max && number > static_cast<double>(*field.max))
            return refuse("MaxLimitExceeded", "is at most " + std::to_string(*field.max));
    }
    if (!value.is_string()) return ok;
    const std::string_view text = value.as_string();
    if (field.min_length && characters_in(text) < static_cast<std::size_t>(*field.min_length))
        return refuse("MinLengthExceeded", "has at least " + std::to_string(*field.min_length) + " characters");
    if (field.max_length && text.size() > static_cast<std::size_t>(*field.max_length))
        return refuse("MaxLengthExceeded", "has at most " + std::to_string(*field.max_length) + " bytes");
    if (!field.options.empty() && std::find(field.options.begin(), field.options.end(), text) == field.options.end())
        return refuse("InvalidOption", "is none of those allowed");
    if (!field.valid_chars.empty() && !all_of_class(text, field.valid_chars))
        return refuse("InvalidCharacters", "holds characters other than " + field.valid_chars);
    if (!field.invalid_chars.empty() && !text.empty() && all_of_class(text, field.invalid_chars))
        return refuse("InvalidCharacters", "holds only characters of " + field.invalid_chars);
    return ok;
}

/// What the store keeps of one row's data.
constexpr std::size_t kLargestData = 65'535;

}  // namespace

bool all_of_class(std::string_view text, std::string_view characters) {
    return std::all_of(text.begin(), text.end(),
                       [&](char c) { return in_class(static_cast<unsigned char>(c), characters); });
}

Result<FieldValues> convert_fields(const TypeSchema& type, Pass pass, const Caller& caller, const json::object& body) {
    FieldValues result;
    std::size_t inner_bytes = 0;
    for (const auto& field : type.fields) {
        const bool allowed = pass == Pass::create ? field.create : field.update;
        if (!allowed || field.source == FieldSchema::Source::id) continue;
        const auto* given = body.if_contains(field.name);
        if (given) {
            auto converted = Converter(field, caller, result.references).convert(field.type, *given);
            if (!converted) return converted.error();
            if (converted->is_null() && !field.nullable)
                return invalid_field("NotNullable", field.name, field.name + " is not null");
            if (auto checked = check_limits(field, *converted); !checked) return checked.error();
            const bool in_data = field.source != FieldSchema::Source::column ||
                                 type.resource->fields[field.column].type == FieldType::json;
            if (in_data) inner_bytes += json::serialize(*converted).size();
            if (inner_bytes > kLargestData)
                return invalid_field(
                    "MaxLengthExceeded", field.name,
                    "the fields kept in data have at most " + std::to_string(kLargestData) + " bytes together");
            result.values[field.name] = std::move(*converted);
        }
        if (pass == Pass::create && field.required) {
            const auto* value = result.values.if_contains(field.name);
            const bool empty = !value || value->is_null() || (value->is_array() && value->as_array().empty());
            if (empty) return invalid_field("MissingRequired", field.name, field.name + " is required");
        }
    }
    return result;
}

}  // namespace drover::rest
