#include <algorithm>
#include <set>

#include "drover/options.hpp"
#include "drover/store/batch.hpp"
#include "drover/store/query.hpp"
#include "fits.hpp"

namespace drover {
namespace {

std::vector<std::string> field_names(const ResourceType& type) {
    std::vector<std::string> names{"id"};
    for (const auto& field : type.fields) names.push_back(field.name);
    return names;
}

/// For what a caller may have mistyped.
std::string did_you_mean(std::string_view seen, const std::vector<std::string>& known) {
    const auto near = nearest(seen, known);
    return near.empty() ? std::string() : "Did you mean " + near + "?";
}

Error no_such_type(const Schema& schema, std::string_view type) {
    std::vector<std::string> known;
    for (const auto& one : schema.types()) known.push_back(one->name);
    return Error(Errc::invalid, "there is no resource type \"" + std::string(type) + "\"", did_you_mean(type, known));
}

Error no_such_field(const ResourceType& type, std::string_view field) {
    return Error(Errc::invalid, type.name + " has no field \"" + std::string(field) + "\"",
                 did_you_mean(field, field_names(type)))
        .with_detail("field", std::string(field));
}

std::string_view name_of(Op op) {
    switch (op) {
        case Op::eq: return "eq";
        case Op::ne: return "ne";
        case Op::lt: return "lt";
        case Op::lte: return "lte";
        case Op::gt: return "gt";
        case Op::gte: return "gte";
        case Op::prefix: return "prefix";
        case Op::like: return "like";
        case Op::not_like: return "not_like";
        case Op::in: return "in";
        case Op::is_null: return "is_null";
        case Op::not_null: return "not_null";
    }
    return "unknown";
}

/// What the field of a condition or a sort holds; nothing when there is no such field.
std::optional<FieldType> type_of(const ResourceType& type, std::string_view field) {
    if (field == "id") return FieldType::integer;
    const auto at = type.find(field);
    if (!at) return std::nullopt;
    return type.fields[*at].type;
}

Result<void> check_condition(const ResourceType& type, const Condition& condition) {
    const auto field = type_of(type, condition.field);
    if (!field) return no_such_field(type, condition.field);
    const auto wrong = [&](std::string_view what) {
        return Error(Errc::invalid, type.name + "." + condition.field + ": " + std::string(what))
            .with_detail("field", condition.field);
    };
    const bool is_text = *field == FieldType::text || *field == FieldType::json;
    switch (condition.op) {
        case Op::is_null:
        case Op::not_null:
            if (!condition.values.empty())
                return wrong(std::string(name_of(condition.op)) + " takes no value, " +
                             std::to_string(condition.values.size()) + " given");
            return ok;
        case Op::in: break;
        case Op::prefix:
        case Op::like:
        case Op::not_like:
            if (!is_text)
                return wrong(std::string(name_of(condition.op)) + " is for text, this is " +
                             std::string(to_string(*field)));
            [[fallthrough]];
        default:
            if (condition.values.size() != 1)
                return wrong(std::string(name_of(condition.op)) + " takes one value, " +
                             std::to_string(condition.values.size()) + " given");
    }
    const bool ordering =
        condition.op == Op::lt || condition.op == Op::lte || condition.op == Op::gt || condition.op == Op::gte;
    if (ordering && *field == FieldType::json) return wrong("json has no order");
    for (const auto& value : condition.values)
        if (const auto why = store_detail::misfit(*field, value)) return wrong("the value " + *why);
    return ok;
}

Result<void> check_where(const ResourceType& type, const std::vector<AnyOf>& where) {
    std::size_t conditions = 0;
    std::size_t values = 0;
    for (const auto& any : where) {
        conditions += any.size();
        for (const auto& condition : any) values += condition.values.size();
    }
    if (conditions > kMostConditions || where.size() > kMostConditions)
        return Error(Errc::invalid, "a query with " + std::to_string(std::max(conditions, where.size())) +
                                        " conditions, at most " + std::to_string(kMostConditions) + " are allowed");
    if (values > kMostValues)
        return Error(Errc::invalid, "a query with " + std::to_string(values) + " values to compare with, at most " +
                                        std::to_string(kMostValues) + " are allowed");
    for (const auto& any : where)
        for (const auto& condition : any)
            if (auto checked = check_condition(type, condition); !checked) return checked;
    return ok;
}

Result<void> check_include(const Schema& schema, const Query& query) {
    if (query.include.size() > kMostIncludes)
        return Error(Errc::invalid, "a query with " + std::to_string(query.include.size()) + " includes, at most " +
                                        std::to_string(kMostIncludes) + " are allowed");
    std::set<std::string_view> seen;
    for (const auto& name : query.include) {
        if (!schema.link(query.type, name)) {
            std::vector<std::string> known;
            for (const auto& link : schema.links(query.type)) known.push_back(link.name);
            return Error(Errc::invalid, query.type + " has no link \"" + name + "\"", did_you_mean(name, known));
        }
        if (!seen.insert(name).second) return Error(Errc::invalid, "the link " + name + " is included twice");
    }
    return ok;
}

}  // namespace

Result<void> check_query(const Schema& schema, const Query& query) {
    const auto* type = schema.find(query.type);
    if (!type) return no_such_type(schema, query.type);
    if (auto checked = check_where(*type, query.where); !checked) return checked;
    if (query.sort.size() > type->fields.size() + 1)
        return Error(Errc::invalid, "a query sorted by " + std::to_string(query.sort.size()) + " fields, " +
                                        type->name + " has fewer");
    for (const auto& by : query.sort) {
        const auto field = type_of(*type, by.field);
        if (!field) return no_such_field(*type, by.field);
        if (*field == FieldType::json)
            return Error(Errc::invalid, type->name + "." + by.field + ": json has no order")
                .with_detail("field", by.field);
    }
    if (auto checked = check_include(schema, query); !checked) return checked;
    if (query.limit < 1 || query.limit > kLargestPage)
        return Error(Errc::invalid, "a limit of " + std::to_string(query.limit) + ", allowed are 1 to " +
                                        std::to_string(kLargestPage));
    if (!query.cursor.empty() && query.offset != 0)
        return Error(Errc::invalid, "a cursor and an offset exclude each other");
    if (!query.cursor.empty() && !query.include.empty())
        return Error(Errc::invalid, "a cursor and includes exclude each other", "Page by offset.");
    return ok;
}

namespace {

/// Checks one operation; knows where it stands in its batch.
class OperationCheck {
public:
    OperationCheck(const Schema& schema, const Batch& batch, std::size_t at)
        : schema_(schema), batch_(batch), at_(at) {}

    Result<void> operator()(const Create& create) const {
        const auto* type = schema_.find(create.type);
        if (!type) return in_operation(no_such_type(schema_, create.type));
        std::vector<bool> given(type->fields.size());
        if (auto checked = check_values(*type, create.values, given); !checked) return checked;
        for (std::size_t i = 0; i < given.size(); ++i) {
            const auto& field = type->fields[i];
            if (!given[i] && !field.nullable && field.fallback.is_null())
                return wrong(*type, field.name, "is required, and a create must give it");
        }
        return ok;
    }
    Result<void> operator()(const Update& update) const {
        const auto* type = schema_.find(update.type);
        if (!type) return in_operation(no_such_type(schema_, update.type));
        std::vector<bool> given(type->fields.size());
        if (auto checked = check_values(*type, update.values, given); !checked) return checked;
        return check_expectations(*type, update.expect);
    }
    template <class Other>  // Delete and Check
    Result<void> operator()(const Other& other) const {
        const auto* type = schema_.find(other.type);
        if (!type) return in_operation(no_such_type(schema_, other.type));
        return check_expectations(*type, other.expect);
    }

private:
    Error in_operation(Error error) const {
        return error.in("operation " + std::to_string(at_)).with_detail("operation", std::to_string(at_));
    }
    Error wrong(const ResourceType& type, std::string_view field, std::string_view what) const {
        return in_operation(Error(Errc::invalid, type.name + "." + std::string(field) + " " + std::string(what))
                                .with_detail("field", std::string(field)));
    }

    Result<void> check_values(const ResourceType& type, const Assignments& values, std::vector<bool>& given) const {
        for (const auto& [name, term] : values) {
            const auto at = type.find(name);
            if (!at) return in_operation(no_such_field(type, name));
            if (given[*at]) return wrong(type, name, "is given twice");
            given[*at] = true;
            const auto& field = type.fields[*at];
            if (const auto* value = std::get_if<Value>(&term)) {
                if (const auto why = store_detail::unstorable(field, *value)) return wrong(type, name, *why);
            } else if (auto checked = check_created(type, field, std::get<CreatedBy>(term)); !checked) {
                return checked;
            }
        }
        return ok;
    }

    Result<void> check_created(const ResourceType& type, const Field& field, CreatedBy created) const {
        const auto named = "refers to the record of operation " + std::to_string(created.operation);
        if (field.type != FieldType::reference && field.type != FieldType::integer)
            return wrong(type, field.name, named + ", but holds " + std::string(to_string(field.type)));
        if (created.operation >= at_) return wrong(type, field.name, named + ", which does not come before it");
        const auto* create = std::get_if<Create>(&batch_.operations[created.operation]);
        if (!create) return wrong(type, field.name, named + ", which creates nothing");
        if (field.type == FieldType::reference && create->type != field.target)
            return wrong(type, field.name, named + ", a " + create->type + ", but holds the id of a " + field.target);
        return ok;
    }

    Result<void> check_expectations(const ResourceType& type, const std::vector<Expectation>& expect) const {
        for (const auto& one : expect) {
            const auto at = type.find(one.field);
            if (!at) return in_operation(no_such_field(type, one.field));
            if (const auto why = store_detail::misfit(type.fields[*at].type, one.value))
                return wrong(type, one.field, "the expected value " + *why);
        }
        return ok;
    }

    const Schema& schema_;
    const Batch& batch_;
    const std::size_t at_;
};

std::size_t bytes_of(const Value& value) { return value.if_text() ? value.if_text()->size() : 8; }

std::size_t bytes_of(const Operation& operation) {
    std::size_t bytes = 0;
    std::visit(
        [&](const auto& one) {
            if constexpr (requires { one.values; })
                for (const auto& [name, term] : one.values)
                    bytes += std::holds_alternative<Value>(term) ? bytes_of(std::get<Value>(term)) : 8;
            if constexpr (requires { one.expect; })
                for (const auto& expectation : one.expect) bytes += bytes_of(expectation.value);
        },
        operation);
    return bytes;
}

Result<void> check_batch_id(std::string_view id) {
    if (id.size() > kLongestBatchId)
        return Error(Errc::invalid, "a batch id of " + std::to_string(id.size()) + " bytes, at most " +
                                        std::to_string(kLongestBatchId) + " are allowed");
    if (!std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; }))
        return Error(Errc::invalid, "a batch id is printable ASCII without spaces, this is " + Value(id).describe());
    return ok;
}

}  // namespace

Result<void> check_batch(const Schema& schema, const Batch& batch) {
    if (auto checked = check_batch_id(batch.id); !checked) return checked;
    if (batch.operations.size() > kMostOperations)
        return Error(Errc::invalid, "a batch of " + std::to_string(batch.operations.size()) + " operations, at most " +
                                        std::to_string(kMostOperations) + " are allowed");
    std::size_t bytes = 0;
    for (const auto& operation : batch.operations) bytes += bytes_of(operation);
    if (bytes > kLargestBatch)
        return Error(Errc::invalid, "a batch with " + std::to_string(bytes) + " bytes of values, at most " +
                                        std::to_string(kLargestBatch) + " are allowed");
    for (std::size_t i = 0; i < batch.operations.size(); ++i)
        if (auto checked = std::visit(OperationCheck(schema, batch, i), batch.operations[i]); !checked) return checked;
    return ok;
}

namespace {
std::string name_of(std::string_view type, std::int64_t id) { return std::string(type) + " " + std::to_string(id); }
}  // namespace

Error expectation_failed(std::size_t operation, std::string_view type, std::int64_t id, std::string_view field,
                         const Value& expected, const Value& seen) {
    return Error(Errc::conflict,
                 name_of(type, id) + ": " + std::string(field) + " is " + seen.describe() + ", expected " +
                     expected.describe(),
                 "Read the record again and decide.")
        .with_detail("operation", std::to_string(operation))
        .with_detail("field", std::string(field))
        .with_detail("seen", seen.describe());
}

Error record_missing(std::size_t operation, std::string_view type, std::int64_t id) {
    return Error(Errc::not_found, name_of(type, id) + ": there is no such record")
        .with_detail("operation", std::to_string(operation));
}

Error not_unique(std::optional<std::size_t> operation, std::string_view type, std::string_view fields) {
    auto error =
        Error(Errc::conflict,
              "another " + std::string(type) + " has the same " + std::string(fields) + ", which must be unique",
              "Choose another value.")
            .with_detail("field", std::string(fields))
            .with_detail("unique", "true");
    if (operation) error = error.with_detail("operation", std::to_string(*operation));
    return error;
}

}  // namespace drover
