#include "shown.hpp"

#include <boost/json/serialize.hpp>

#include "drover/json.hpp"
#include "drover/secrets.hpp"
#include "json_text.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

/// What the store keeps as JSON came through parsers with smaller limits.
constexpr std::size_t kDeepestStored = 64;

/// `data.fields` of a row, parsed only when there is anything in it.
json::object fields_of(const Record& record, const TypeSchema& type) {
    if (!type.data) return {};
    const auto text = column_of(record, type, *type.data).text();
    if (text.find("\"fields\"") == std::string_view::npos) return {};
    auto parsed = parse_json(text, kDeepestStored);
    if (!parsed || !parsed->is_object()) return {};
    auto* fields = parsed->as_object().if_contains("fields");
    if (!fields || !fields->is_object()) return {};
    return std::move(fields->as_object());
}

const json::value& value_in(const json::object& fields, std::string_view name) {
    static const json::value kNull;
    const auto* found = fields.if_contains(name);
    return found ? *found : kNull;
}

/// What a client waits by.
struct Transition {
    json::value status, message, progress;
};

Transition transition_of(const Record& record, const TypeSchema& type, const json::object& fields, bool bare) {
    Transition now;
    const auto& stored = value_in(fields, "transitioning");
    const auto& message = value_in(fields, "transitioningMessage");
    const auto& progress = value_in(fields, "transitioningProgress");
    if (!bare && type.state && type.transitioning.contains(column_of(record, type, *type.state).text())) {
        now.status = "yes";
        now.message = message.is_string() ? message : json::value("In Progress");
        now.progress = progress;
    } else if (!stored.is_null()) {
        now.status = stored;
        now.message = message;
        now.progress = progress;
    } else if (!bare) {
        now.status = "no";
    }
    return now;
}

void append_json(std::string& out, const json::value& value) {
    if (value.is_null()) out += "null";
    else if (value.is_string()) append_text(out, value.as_string());
    else out += json::serialize(value);
}

}  // namespace

const Value& column_of(const Record& record, const TypeSchema& type, std::size_t column) {
    const auto& wanted = type.resource->fields[column].name;
    const auto& fields = record.type().fields;
    // A store that was migrated by a newer version may have more fields, in another order.
    if (column < fields.size() && fields[column].name == wanted) return record.values()[column];
    return record[wanted];
}

bool may_see(const Caller& caller, const Record& record) {
    if (caller.all_accounts) return true;
    if (record.type().name == "account") return record.id() == caller.account_id;
    if (!record.type().find("accountId")) return true;
    if (record.type().find("isPublic") && record["isPublic"].boolean()) return true;
    return record["accountId"].integer() == caller.account_id;
}

bool may_change(const Caller& caller, const Record& record) {
    if (caller.all_accounts) return true;
    if (record.type().name == "account") return record.id() == caller.account_id;
    return !record.type().find("accountId") || record["accountId"].integer() == caller.account_id;
}

void RowWriter::append_id(const std::string& base_type, std::int64_t id) {
    out_ += '"';
    if (caller_.plain_ids) append_number(out_, id);
    else out_ += format_id(base_type, id);
    out_ += '"';
}

void RowWriter::append_date(const FieldSchema& field, std::int64_t milliseconds) {
    out_ += '"';
    out_ += format_date(milliseconds);
    out_ += '"';
    if (field.date_key.empty()) return;
    out_ += field.date_key;
    append_number(out_, milliseconds);
}

void RowWriter::append_column(const Record& record, const TypeSchema& type, const FieldSchema& field) {
    const auto& value = column_of(record, type, field.column);
    if (type.base == "credential" && field.name == "secretValue") {
        // The column holds a hash, which is for nobody.
        if (revealed_.contains(record.id())) append_text(out_, record[kSecretOnceField].text());
        else out_ += "null";
        return;
    }
    if (field.type.name == "password") {
        out_ += "null";
        return;
    }
    switch (type.resource->fields[field.column].type) {
        case FieldType::json:
            if (value.text().empty()) out_ += field.name == "data" ? "{}" : "null";
            else out_ += value.text();  // the store keeps JSON as it was written
            return;
        case FieldType::reference:
            if (const auto* id = value.if_integer()) append_id(type.resource->fields[field.column].target, *id);
            else out_ += "null";
            return;
        case FieldType::date:
            if (const auto* at = value.if_integer()) append_date(field, *at);
            else out_ += "null";
            return;
        default: break;
    }
    if (const auto* text = value.if_text()) append_text(out_, *text);
    else if (const auto* number = value.if_integer(); number && field.type.kind == ValueType::Kind::text)
        append_text(out_, std::to_string(*number));
    else if (number) append_number(out_, *number);
    else if (const auto* flag = value.if_boolean()) out_ += *flag ? "true" : "false";
    else if (const auto* real = value.if_real()) append_real(out_, *real);
    else out_ += "null";
}

void RowWriter::append_inner(const ValueType& type, const json::value& value) {
    using Kind = ValueType::Kind;
    if (type.kind == Kind::reference && value.is_number()) {
        json::error_code failure;
        append_id(type.target, value.to_number<std::int64_t>(failure));
    } else if (type.kind == Kind::date && value.is_int64()) {
        out_ += '"' + format_date(value.as_int64()) + '"';
    } else if (type.element && value.is_array()) {
        out_ += '[';
        bool begun = false;
        for (const auto& one : value.as_array()) {
            if (begun) out_ += ',';
            begun = true;
            append_inner(*type.element, one);
        }
        out_ += ']';
    } else if (type.element && value.is_object()) {
        out_ += '{';
        bool begun = false;
        for (const auto& [key, one] : value.as_object()) {
            if (begun) out_ += ',';
            begun = true;
            append_text(out_, key);
            out_ += ':';
            append_inner(*type.element, one);
        }
        out_ += '}';
    } else {
        append_json(out_, value);
    }
}

void RowWriter::append_links(const Record& record, const TypeSchema& type, const std::string& self, bool bare) {
    const auto link_to = [&](const std::string& name, std::string_view between, const std::string& path) {
        out_ += '"';
        out_ += name;
        out_ += "\":\"";
        out_ += self;
        out_ += between;
        out_ += path;
        out_ += '"';
    };
    out_ += "\"links\":{";
    if (!self.empty()) {
        link_to("self", {}, {});
        for (const auto& link : type.links) {
            if (bare) break;
            if (link.link->kind == Link::Kind::reference && column_of(record, type, link.column).is_null()) continue;
            out_ += ',';
            link_to(link.name, "/", link.path);
        }
        for (const auto& [name, path] : type.extra_links) {
            if (bare) break;
            out_ += ',';
            link_to(name, "/", path);
        }
    }
    out_ += "},\"actions\":{";
    bool begun = false;
    for (const auto& action : type.actions) {
        if (bare || self.empty()) break;
        if (begun) out_ += ',';
        begun = true;
        link_to(action.name, "/?action=", action.path);
    }
    out_ += '}';
}

void RowWriter::append(const Record& record, const TypeSchema& type, const std::vector<Included>& included) {
    append_row(record, type, included, false);
}

void RowWriter::append_row(const Record& record, const TypeSchema& type, const std::vector<Included>& included,
                           bool bare) {
    const bool has_id = type.field("id") != nullptr;
    std::string self;
    out_ += "{\"id\":";
    if (has_id) {
        append_id(type.base, record.id());
        self = base_ + '/' + type.path + '/' +
               (caller_.plain_ids ? std::to_string(record.id()) : format_id(type.base, record.id()));
    } else {
        out_ += "null";
    }
    out_ += ",\"type\":\"" + type.name + "\",";
    append_links(record, type, self, bare);
    const auto fields = type.needs_data ? fields_of(record, type) : json::object();
    const auto now = type.needs_data ? transition_of(record, type, fields, bare) : Transition();
    for (const auto& field : type.fields) {
        using Source = FieldSchema::Source;
        if (!field.shown || field.source == Source::id) continue;
        out_ += field.key;
        switch (field.source) {
            case Source::id: break;
            case Source::column: append_column(record, type, field); break;
            case Source::inner: append_inner(field.type, value_in(fields, field.name)); break;
            case Source::transitioning: append_json(out_, now.status); break;
            case Source::transitioning_message: append_json(out_, now.message); break;
            case Source::transitioning_progress: append_json(out_, now.progress); break;
        }
    }
    for (const auto& one : included) {
        if (one.records.empty()) continue;
        const bool single = one.link->link->kind == Link::Kind::reference;
        out_ += ",\"" + one.link->name + "\":";
        if (!single) out_ += '[';
        bool begun = false;
        for (const auto* linked : one.records) {
            const auto* shown_as = set_.of_row(*linked);
            if (!shown_as) continue;
            if (begun) out_ += ',';
            begun = true;
            append_row(*linked, *shown_as, {}, true);
            if (single) break;
        }
        if (single && !begun) out_ += "null";
        if (!single) out_ += ']';
    }
    out_ += '}';
}

}  // namespace drover::rest
