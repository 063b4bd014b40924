// Creating, changing and removing rows, and their actions.
#include <boost/json/serialize.hpp>

#include <algorithm>

#include "json_text.hpp"
#include "state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

/// Uniqueness that the store or the engine refused.
Error told_conflict(const Error& error) {
    if (error.code() != Errc::conflict && error.code() != Errc::busy) return error;
    return refusal(409, "Conflict", std::string(error.detail("field")), error.message());
}

/// Whoever ended the account it calls with could not take that back.
bool ends_itself(const Ask& ask, std::int64_t id, std::string_view action) {
    return ask.type->base == "account" && id == ask.caller().account_id &&
           (action == "deactivate" || action == "remove" || action == "purge");
}

Error no_end_of_itself() {
    return refusal(409, "Conflict", {}, "an account does not end itself; ask with another one");
}

Value to_value(const json::value& value) {
    if (value.is_string()) return Value(std::string_view(value.as_string()));
    if (value.is_int64()) return Value(value.as_int64());
    if (value.is_bool()) return Value(value.as_bool());
    if (value.is_double()) return Value(value.as_double());
    return {};
}

}  // namespace

Async<Result<void>> RestApi::State::check_references(Ask ask, std::vector<ReferenceCheck> references) {
    std::set<std::pair<std::string, std::int64_t>> seen;
    for (const auto& reference : references) {
        if (!seen.emplace(reference.type, reference.id).second) continue;
        const auto wrong =
            invalid_field("InvalidReference", reference.field, reference.field + " leads to no " + reference.type);
        Ask there = ask;
        there.type = ask.set->find(reference.type);
        if (!there.type || !there.type->resource) co_return wrong;
        auto row = co_await visible_row(there, reference.id);
        if (!row && row.error().code() == Errc::not_found) co_return wrong;
        if (!row) co_return row.error();
    }
    co_return ok;
}

Async<Result<void>> RestApi::State::check_unique(Ask ask, json::object values, std::int64_t except) {
    for (const auto& field : ask.type->fields) {
        if (!field.unique || field.source != FieldSchema::Source::column) continue;
        const auto* value = values.if_contains(field.name);
        if (!value || value->is_null()) continue;
        Query query;
        query.type = ask.type->resource->name;
        query.where = {{{field.name, Op::eq, {to_value(*value)}}}};
        if (ask.type->removed) query.where.push_back({{"removed", Op::is_null, {}}});
        query.limit = 2;
        auto found = co_await reads.query_primary(std::move(query));
        if (!found) co_return found.error();
        for (const auto& row : found->rows)
            if (row.record.id() != except)
                co_return invalid_field("NotUnique", field.name,
                                        "another " + ask.type->name + " has this " + field.name);
    }
    co_return ok;
}

Async<Result<json::object>> RestApi::State::filtered(Ask ask, json::object values, std::int64_t id) {
    const auto& caller = ask.caller();
    for (const auto& filter : filters) {
        if (id != 0 && !filter.on_update) continue;
        if (std::find(filter.types.begin(), filter.types.end(), ask.type->name) == filter.types.end()) continue;
        CreateRequest request;
        request.type = ask.type->name;
        request.values = std::move(values);
        request.account_id = caller.account_id;
        request.all_accounts = caller.all_accounts;
        request.client_ip = ask.request->client_ip;
        request.id = id;
        request.hands = {&engine, &store};
        auto result = co_await filter.call(std::move(request));
        if (!result) co_return result.error();
        values = std::move(*result);
    }
    co_return std::move(values);
}

Async<Result<HttpResponse>> RestApi::State::create(Ask ask) {
    const auto& type = *ask.type;
    const auto& caller = ask.caller();
    auto given = convert_fields(type, Pass::create, caller, ask.request->body);
    if (!given) co_return given.error();
    if (auto checked = co_await check_references(ask, std::move(given->references)); !checked)
        co_return checked.error();

    auto values = std::move(given->values);
    // Whoever sees one account only creates for that one.
    if (type.account && !caller.all_accounts) values.erase("accountId");
    const auto base_set = sets().of("base");
    const auto* whole = base_set->find(type.name);
    for (const auto& field : whole ? whole->fields : type.fields)
        if (!field.fallback.is_null() && !values.contains(field.name)) values[field.name] = field.fallback;
    if (type.kind && (type.is_child || !values.contains("kind") || values.at("kind").is_null()))
        values["kind"] = type.name;

    auto complete = co_await filtered(ask, std::move(values), 0);
    if (!complete) co_return complete.error();
    values = std::move(*complete);
    if (type.account && !values.contains("accountId")) values["accountId"] = caller.account_id;
    if (auto unique = co_await check_unique(ask, values, 0); !unique) co_return unique.error();

    auto created = co_await engine.create(type.resource->name, std::move(values), reads.deadline());
    if (!created) co_return told_conflict(created.error());
    tell_change(ask, std::nullopt, 201);
    co_return co_await shown_row(ask, std::move(created->resource), 201);
}

Async<Result<HttpResponse>> RestApi::State::create_linked(Ask ask, std::int64_t id) {
    const auto* link = ask.type->link(ask.request->link);
    if (!link) co_return not_found();
    auto parent = co_await visible_row(ask, id);
    if (!parent) co_return parent.error();
    if (link->link->kind != Link::Kind::child || !link->target->create) co_return refusal(405, "Method not allowed");
    auto request = std::make_shared<ApiRequest>(*ask.request);
    if (!request->body.contains(link->link->field))
        request->body[link->link->field] = ask.caller().format(ask.type->base, id);
    request->type = link->target->name;
    request->id.clear();
    request->link.clear();
    Ask there{request, ask.set, link->target};
    auto creating = create(std::move(there));
    co_return co_await std::move(creating);
}

Async<Result<HttpResponse>> RestApi::State::update(Ask ask, std::int64_t id) {
    auto row = co_await changeable_row(ask, id);
    if (!row) co_return row.error();
    auto given = convert_fields(*ask.type, Pass::update, ask.caller(), ask.request->body);
    if (!given) co_return given.error();
    if (auto checked = co_await check_references(ask, std::move(given->references)); !checked)
        co_return checked.error();
    if (ask.type->account && !ask.caller().all_accounts) given->values.erase("accountId");
    if (auto unique = co_await check_unique(ask, given->values, id); !unique) co_return unique.error();
    if (given->values.empty()) co_return co_await shown_row(ask, std::move(*row), 200);
    auto changes = co_await filtered(ask, std::move(given->values), id);
    if (!changes) co_return changes.error();
    auto updated = co_await engine.update(ask.type->resource->name, id, std::move(*changes), reads.deadline());
    if (!updated) co_return told_conflict(updated.error());
    tell_change(ask, id, 200);
    co_return co_await shown_row(ask, std::move(*updated), 200);
}

Async<Result<HttpResponse>> RestApi::State::remove(Ask ask, std::int64_t id) {
    auto row = co_await changeable_row(ask, id);
    if (!row) co_return row.error();
    if (ends_itself(ask, id, "remove")) co_return no_end_of_itself();
    const auto process = lower(ask.type->base) + ".remove";
    if (sets().model().process(process)) {
        ProcessRequest request;
        request.process = process;
        request.resource_id = id;
        auto scheduled = co_await engine.schedule(std::move(request), reads.deadline());
        if (!scheduled) co_return told_conflict(scheduled.error());
        tell_change(ask, id, 200);
        co_return co_await shown_row(ask, std::move(scheduled->resource), 200);
    }
    Batch batch;
    batch.id = new_uuid();
    Delete one;
    one.type = ask.type->resource->name;
    one.id = id;
    batch.operations.emplace_back(std::move(one));
    auto deleted = co_await store.commit(std::move(batch), reads.deadline());
    if (!deleted && deleted.error().code() == Errc::not_found) co_return not_found();
    if (!deleted) co_return deleted.error();
    tell_change(ask, id, 200);
    co_return co_await shown_row(ask, std::move(*row), 200);
}

Async<Result<HttpResponse>> RestApi::State::act(Ask ask, std::int64_t id) {
    const auto* action = ask.type->action(ask.request->action);
    if (!action) {
        const auto base_set = sets().of("base");
        const auto* whole = base_set->find(ask.type->name);
        const bool known = whole && whole->action(ask.request->action);
        co_return invalid_field(known ? "ActionNotAvailable" : "InvalidAction", "action");
    }
    auto row = co_await changeable_row(ask, id);
    if (!row) co_return row.error();
    if (ends_itself(ask, id, action->path)) co_return no_end_of_itself();
    auto data = ask.request->body;
    if (!action->input.empty()) {
        const auto* input = ask.set->find(action->input);
        if (!input) co_return invalid_field("ActionNotAvailable", "action");
        auto given = convert_fields(*input, Pass::create, ask.caller(), data);
        if (!given) co_return given.error();
        if (auto checked = co_await check_references(ask, std::move(given->references)); !checked)
            co_return checked.error();
        data = std::move(given->values);
    }
    const auto handler = actions.find({lower(ask.type->base), action->path});
    if (handler != actions.end()) {
        ActionRequest request;
        request.type = ask.type->name;
        request.id = id;
        request.action = action->name;
        request.data = std::move(data);
        request.account_id = ask.caller().account_id;
        request.hands = {&engine, &store};
        auto answer = co_await handler->second.call(std::move(request));
        if (!answer) co_return told_conflict(answer.error());
        tell_change(ask, id, 200);
        if (!answer->is_null()) co_return json_response(200, json::serialize(*answer));
        auto now = co_await visible_row(ask, id);
        if (!now) co_return now.error();
        co_return co_await shown_row(ask, std::move(*now), 200);
    }
    if (action->process.empty()) co_return not_found();
    if (json::serialize(data).size() > 60'000)
        co_return invalid_field("MaxLengthExceeded", {}, "what an action is given takes at most 60,000 bytes");
    ProcessRequest request;
    request.process = action->process;
    request.resource_id = id;
    request.data = std::move(data);
    auto scheduled = co_await engine.schedule(std::move(request), reads.deadline());
    if (!scheduled) co_return told_conflict(scheduled.error());
    tell_change(ask, id, 202);
    co_return co_await shown_row(ask, std::move(scheduled->resource), 202);
}

}  // namespace drover::rest
