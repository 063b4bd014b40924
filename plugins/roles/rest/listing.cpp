// What a request to list means, and what a collection says about itself.
#include "listing.hpp"

#include <algorithm>
#include <charconv>

#include "errors.hpp"
#include "json_text.hpp"
#include "parameters.hpp"

namespace drover::rest {
namespace {

std::optional<Op> op_of(std::string_view modifier) {
    static const std::map<std::string_view, Op> kOps{
        {"eq", Op::eq},         {"ne", Op::ne},           {"lt", Op::lt},
        {"lte", Op::lte},       {"gt", Op::gt},           {"gte", Op::gte},
        {"prefix", Op::prefix}, {"like", Op::like},       {"notlike", Op::not_like},
        {"null", Op::is_null},  {"notnull", Op::not_null}};
    const auto found = kOps.find(modifier);
    return found == kOps.end() ? std::nullopt : std::optional<Op>(found->second);
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    Number number{};
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return number;
}

/// What a filter's text means for the store; an empty value: no row has it.
Result<std::optional<Value>> filter_value(const TypeSchema& type, const FieldSchema& field, const Caller& caller,
                                          const std::string& text) {
    const auto wrong = [&](std::string_view what) {
        return invalid_field("InvalidFormat", field.name, field.name + " is compared with " + std::string(what));
    };
    if (field.source == FieldSchema::Source::id) {
        auto id = caller.parse(text);
        if (!id) id = number_in<std::int64_t>(text);
        return id ? std::optional<Value>(*id) : std::nullopt;
    }
    switch (type.resource->fields[field.column].type) {
        case FieldType::boolean: {
            const auto word = lower(text);
            if (word == "true" || word == "1" || word == "yes") return std::optional<Value>(true);
            if (word == "false" || word == "0" || word == "no") return std::optional<Value>(false);
            return wrong("true or false");
        }
        case FieldType::integer:
            if (const auto number = number_in<std::int64_t>(text)) return std::optional<Value>(*number);
            return wrong("a whole number");
        case FieldType::real:
            if (const auto number = number_in<double>(text)) return std::optional<Value>(*number);
            return wrong("a number");
        case FieldType::date: {
            auto at = parse_date(text);
            if (!at) at = number_in<std::int64_t>(text);
            if (at) return std::optional<Value>(*at);
            return invalid_field("InvalidDateFormat", field.name, "dates are written as 2014-05-30T12:00:00Z");
        }
        case FieldType::reference: {
            const auto id = caller.parse(text);
            return id ? std::optional<Value>(*id) : std::nullopt;
        }
        case FieldType::text:
        case FieldType::json: break;
    }
    return std::optional<Value>(text);
}

Result<void> add_filter(const ApiRequest& request, const TypeSchema& type, const FieldSchema& field,
                        const std::string& modifier, const std::vector<std::string>& values, ListRequest& list) {
    const auto op = op_of(modifier);
    if (!op) return ok;
    if (*op == Op::is_null || *op == Op::not_null) {
        list.filters[field.name].push_back({{}, modifier});
        list.where.push_back({{field.name, *op, {}}});
        return ok;
    }
    for (const auto& text : values) {
        auto value = filter_value(type, field, request.caller, text);
        if (!value) return value.error();
        list.filters[field.name].push_back({text, modifier});
        AnyOf any;
        if (*value) any.push_back({field.name, *op, {**value}});
        list.where.push_back(std::move(any));
    }
    return ok;
}

bool allows(const FieldSchema& field, std::string_view modifier) {
    return std::find(field.modifiers.begin(), field.modifiers.end(), modifier) != field.modifiers.end();
}

void parse_page(const ApiRequest& request, ListRequest& list) {
    const auto digits = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (const auto* limit = first(request.parameters, "limit"); limit && digits(*limit)) {
        const auto number = number_in<std::uint64_t>(*limit);  // none: greater than any
        list.limit = number ? static_cast<std::size_t>(std::min<std::uint64_t>(*number, kLargestLimit)) : kLargestLimit;
        list.limit_given = list.limit > 0;
        if (list.limit == 0) list.limit = kDefaultLimit;
    }
    if (const auto* marker = first(request.parameters, "marker"); marker && marker->starts_with('m')) {
        const auto offset = number_in<std::uint64_t>(std::string_view(*marker).substr(1));
        constexpr std::uint64_t kFarthest = 1'000'000'000'000;
        if (offset && *offset <= kFarthest) list.offset = *offset;
    }
}

}  // namespace

Result<std::vector<const LinkSchema*>> parse_includes(const ApiRequest& request, const TypeSchema& type) {
    std::vector<const LinkSchema*> includes;
    const auto found = request.parameters.find("include");
    if (found == request.parameters.end()) return includes;
    for (const auto& name : found->second) {
        const auto* link = type.link(name);
        if (!link || std::find(includes.begin(), includes.end(), link) != includes.end()) continue;
        if (includes.size() >= kMostIncludes)
            return invalid_field("MaxLimitExceeded", "include",
                                 "at most " + std::to_string(kMostIncludes) + " links are included at once");
        includes.push_back(link);
    }
    return includes;
}

Result<ListRequest> parse_list(const ApiRequest& request, const TypeSchema& type) {
    ListRequest list;
    std::size_t count = 0;
    for (const auto& [name, values] : request.parameters) {
        const FieldSchema* field = type.field(name);
        std::string modifier = "eq";
        if (!field || !allows(*field, modifier)) {
            const auto cut = name.rfind('_');
            if (cut == std::string::npos) continue;
            field = type.field(std::string_view(name).substr(0, cut));
            modifier = name.substr(cut + 1);
            if (!field || !allows(*field, modifier)) continue;
        }
        count += values.size();
        if (count > kMostFilters)
            return invalid_field("MaxLimitExceeded", field->name,
                                 "at most " + std::to_string(kMostFilters) + " filters in one request");
        if (auto added = add_filter(request, type, *field, modifier, values, list); !added) return added.error();
    }
    auto includes = parse_includes(request, type);
    if (!includes) return includes.error();
    list.includes = std::move(*includes);
    if (const auto* name = first(request.parameters, "sort")) {
        const auto* field = type.field(*name);
        const auto* order = first(request.parameters, "order");
        if (field && !field->modifiers.empty()) list.sort.push_back({field->name, order && lower(*order) == "desc"});
    }
    parse_page(request, list);
    return list;
}

void hide_removed(const TypeSchema& type, std::int64_t now, std::int64_t shown_for, std::vector<AnyOf>& where) {
    if (!type.resource) return;
    if (type.removed) where.push_back({{"removed", Op::is_null, {}}, {"removed", Op::gte, {Value(now - shown_for)}}});
    if (type.remove_time) where.push_back({{"removeTime", Op::is_null, {}}, {"removeTime", Op::gt, {Value(now)}}});
}

void only_visible(const TypeSchema& type, const Caller& caller, std::vector<AnyOf>& where) {
    if (caller.all_accounts || !type.resource) return;
    if (type.base == "account") {
        where.push_back({{"id", Op::eq, {Value(caller.account_id)}}});
    } else if (type.account) {
        AnyOf any{{"accountId", Op::eq, {Value(caller.account_id)}}};
        if (type.is_public) any.push_back({"isPublic", Op::eq, {Value(true)}});
        where.push_back(std::move(any));
    }
}

void only_kind(const TypeSchema& type, std::vector<AnyOf>& where) {
    if (type.is_child) where.push_back({{"kind", Op::eq, {Value(type.name)}}});
}

std::string url_without(const ApiRequest& request, std::initializer_list<std::string_view> names) {
    std::string query;
    std::string_view rest = request.http.query;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto pair = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        const auto name = percent_decoded(pair.substr(0, pair.find('=')), true);
        if (pair.empty() || !name || std::find(names.begin(), names.end(), *name) != names.end()) continue;
        query += (query.empty() ? "?" : "&") + std::string(pair);
    }
    return request.url + query;
}

namespace {

std::string with(std::string url, const std::string& parameter) {
    url += url.find('?') == std::string::npos ? '?' : '&';
    return url + parameter;
}

void append_create_types(std::string& out, const ApiRequest& request, const TypeSchema& type) {
    bool begun = false;
    const auto add = [&](const TypeSchema& one) {
        if (!one.create || !one.list) return;
        out += begun ? ",\"" : "\"";
        begun = true;
        out += one.name + "\":";
        append_text(out, request.base + '/' + one.path);
    };
    if (type.children.empty()) return;
    add(type);
    for (const auto* child : type.children) add(*child);
}

}  // namespace

std::string collection_head(const ApiRequest& request, const SchemaSet&, const TypeSchema* type,
                            const CollectionFrame& frame) {
    std::string out = R"({"type":"collection","resourceType":)";
    append_text(out, frame.resource_type);
    out += ",\"links\":{\"self\":";
    append_text(out, request.url);
    out += "},\"createTypes\":{";
    if (type) append_create_types(out, request, *type);
    out += "},\"actions\":{},\"data\":[";
    return out;
}

std::string collection_tail(const ApiRequest& request, const TypeSchema* type, const ListRequest& list,
                            const CollectionFrame& frame) {
    std::string out = "],\"sortLinks\":{";
    bool begun = false;
    const bool has_table = type && type->resource;
    if (has_table) {
        const auto url = url_without(request, {"sort", "order", "marker"});
        for (const auto& field : type->fields) {
            if (field.modifiers.empty()) continue;
            out += begun ? ",\"" : "\"";
            begun = true;
            out += field.name + "\":";
            append_text(out, with(url, "sort=" + field.name));
        }
    }
    out += "},\"pagination\":";
    if (frame.paged) {
        out += R"({"first":null,"previous":null,"next":)";
        if (frame.more)
            append_text(out,
                        with(url_without(request, {"marker"}), "marker=m" + std::to_string(list.offset + list.limit)));
        else out += "null";
        out += ",\"limit\":" + std::to_string(list.limit) + ",\"total\":null,\"partial\":";
        out += frame.more ? "true}" : "false}";
    } else {
        out += "null";
    }
    out += ",\"sort\":";
    if (list.sort.empty()) {
        out += "null";
    } else {
        const auto& by = list.sort.front();
        out += "{\"name\":\"" + by.field + "\",\"order\":\"" + (by.descending ? "desc" : "asc") + "\",\"reverse\":";
        append_text(out, with(url_without(request, {"order", "marker"}),
                              std::string("order=") + (by.descending ? "asc" : "desc")));
        out += '}';
    }
    out += ",\"filters\":{";
    begun = false;
    static const std::vector<FieldSchema> kNone;
    for (const auto& field : has_table ? type->fields : kNone) {
        if (field.modifiers.empty()) continue;
        out += begun ? ",\"" : "\"";
        begun = true;
        out += field.name + "\":";
        const auto said = list.filters.find(field.name);
        if (said == list.filters.end()) {
            out += "null";
            continue;
        }
        out += '[';
        for (std::size_t i = 0; i < said->second.size(); ++i) {
            const auto& one = said->second[i];
            out += i ? ",{\"value\":" : "{\"value\":";
            if (one.modifier == "null" || one.modifier == "notnull") out += "null";
            else append_text(out, one.value);
            out += ",\"modifier\":\"" + one.modifier + "\"}";
        }
        out += ']';
    }
    out += "},\"createDefaults\":{";
    if (!frame.create_field.empty()) {
        append_text(out, frame.create_field);
        out += ':';
        append_text(out, frame.create_value);
    }
    out += "}}";
    return out;
}

}  // namespace drover::rest
