// Reading rows: one, many, those that a link leads to.
#include <algorithm>

#include "drover/json.hpp"
#include "drover/secrets.hpp"
#include "state.hpp"

namespace drover::rest {
namespace {

constexpr std::size_t kMostRevealed = 100;
constexpr std::size_t kUsualRow = 3'000;  // bytes

/// What the store is asked to join for these includes: map links by the type between, each name once.
std::vector<std::string> joins_of(const std::vector<const LinkSchema*>& includes) {
    std::vector<std::string> joins;
    for (const auto* link : includes) {
        const auto& name = link->link->kind == Link::Kind::map ? link->map_link : link->name;
        if (std::find(joins.begin(), joins.end(), name) == joins.end()) joins.push_back(name);
    }
    return joins;
}

std::size_t position_of(const std::vector<std::string>& joins, const LinkSchema& link) {
    const auto& name = link.link->kind == Link::Kind::map ? link.map_link : link.name;
    return static_cast<std::size_t>(std::find(joins.begin(), joins.end(), name) - joins.begin());
}

void add_once(std::vector<Record>& list, const Record& record) {
    const auto same = [&](const Record& one) { return one.id() == record.id(); };
    if (std::none_of(list.begin(), list.end(), same)) list.push_back(record);
}

/// Rows of `data` may be for the servers alone.
bool is_hidden_data(const Record& record) {
    return record.type().name == "data" && record.type().find("visible") && !record["visible"].boolean();
}

bool is_removed(const Record& record) { return !record["removed"].is_null(); }

}  // namespace

Async<Result<std::vector<FoundRow>>> RestApi::State::find_rows(Ask ask, Query query,
                                                               std::vector<const LinkSchema*> includes,
                                                               std::shared_ptr<bool> more) {
    const auto joins = joins_of(includes);
    query.include = joins;
    auto page = co_await reads.query(ask.caller().account_id, std::move(query));
    if (!page) co_return page.error();
    *more = page->more;
    std::vector<FoundRow> rows;
    std::map<std::string, std::set<std::int64_t>> wanted;  // targets of map links, by type
    for (auto& row : page->rows) {
        if (rows.empty() || rows.back().record.id() != row.record.id()) {
            rows.push_back({std::move(row.record), std::vector<std::vector<Record>>(includes.size())});
        }
        for (std::size_t i = 0; i < includes.size(); ++i) {
            const auto& link = *includes[i];
            const auto& found = row.included[position_of(joins, link)];
            if (!found) continue;
            if (link.link->kind != Link::Kind::map) {
                if (may_see(ask.caller(), *found)) add_once(rows.back().linked[i], *found);
            } else if (!is_removed(*found)) {
                if (const auto* id = (*found)[link.link->map_field].if_integer()) wanted[link.link->target].insert(*id);
                add_once(rows.back().linked[i], *found);  // the map's row stands for what it leads to until below
            }
        }
    }
    std::map<std::string, std::map<std::int64_t, Record>> targets;
    for (const auto& [type, ids] : wanted) {
        Query of_targets;
        of_targets.type = type;
        Condition any{"id", Op::in, {}};
        for (const auto id : ids) any.values.emplace_back(id);
        of_targets.where = {{std::move(any)}};
        of_targets.limit = kLargestPage;
        auto found = co_await reads.query(ask.caller().account_id, std::move(of_targets));
        if (!found) co_return found.error();
        for (auto& row : found->rows)
            if (may_see(ask.caller(), row.record)) targets[type].emplace(row.record.id(), std::move(row.record));
    }
    for (std::size_t i = 0; i < includes.size(); ++i) {
        const auto& link = *includes[i]->link;
        if (link.kind != Link::Kind::map) continue;
        for (auto& row : rows) {
            std::vector<Record> far;
            for (const auto& between : row.linked[i]) {
                const auto at = targets[link.target].find(between[link.map_field].integer());
                if (at != targets[link.target].end()) add_once(far, at->second);
            }
            row.linked[i] = std::move(far);
        }
    }
    co_return std::move(rows);
}

Async<Result<std::set<std::int64_t>>> RestApi::State::reveal(Ask ask,
                                                             std::shared_ptr<const std::vector<FoundRow>> rows) {
    std::set<std::int64_t> revealed;
    const auto& type = *ask.type;
    const auto* field = type.base == "credential" ? type.field("secretValue") : nullptr;
    if (!field || !field->shown) co_return revealed;
    for (const auto& row : *rows) {
        const auto& once = row.record[kSecretOnceField];
        if (once.is_null() || revealed.size() >= kMostRevealed || !may_change(ask.caller(), row.record)) continue;
        // A client that waits for it to become active shall find it then.
        const auto state = row.record["state"].text();
        if (state == "requested" || type.transitioning.contains(state)) continue;
        Batch batch;
        Update clear;
        clear.type = type.base;
        clear.id = row.record.id();
        clear.values = {{std::string(kSecretOnceField), Value()}};
        clear.expect = {{std::string(kSecretOnceField), once}};
        batch.operations.emplace_back(std::move(clear));
        auto cleared = co_await store.commit(std::move(batch), reads.deadline());
        if (cleared) revealed.insert(row.record.id());
    }
    co_return std::move(revealed);
}

Async<Result<HttpResponse>> RestApi::State::list(Ask ask, std::vector<AnyOf> more_where, CollectionFrame frame,
                                                 bool all) {
    const auto& type = *ask.type;
    auto said = parse_list(*ask.request, type);
    if (!said) co_return said.error();
    Query query;
    query.type = type.resource->name;
    query.where = said->where;
    for (auto& any : more_where) query.where.push_back(std::move(any));
    only_kind(type, query.where);
    only_visible(type, ask.caller(), query.where);
    if (!ask.caller().removed_visible)
        hide_removed(type, context.clock().wall().time_since_epoch().count(), settings.get()->show_removed_for,
                     query.where);
    if (type.base == "data" && type.resource->find("visible"))
        query.where.push_back({{"visible", Op::eq, {Value(true)}}});
    query.sort = said->sort;
    query.limit = all && !said->limit_given ? kLargestPage : said->limit;
    query.offset = said->offset;
    const auto limit = query.limit;
    const auto more = std::make_shared<bool>(false);  // owners: this and the search
    auto found = co_await find_rows(ask, std::move(query), said->includes, more);
    if (!found) co_return found.error();
    const auto rows = std::make_shared<const std::vector<FoundRow>>(std::move(*found));  // owners: this and reveal
    auto revealed = co_await reveal(ask, rows);
    if (!revealed) co_return revealed.error();
    frame.more = *more;
    if (frame.more) said->limit = limit;

    auto out = collection_head(*ask.request, *ask.set, &type, frame);
    out.reserve(out.size() + rows->size() * kUsualRow / 2);
    RowWriter writer(out, *ask.set, ask.caller(), ask.request->base);
    writer.reveal(std::move(*revealed));
    bool begun = false;
    for (const auto& row : *rows) {
        const auto* shown_as = ask.set->of_row(row.record);
        if (begun) out += ',';
        begun = true;
        std::vector<Included> included;
        for (std::size_t i = 0; i < row.linked.size(); ++i) {
            Included one;
            one.link = said->includes[i];
            for (const auto& record : row.linked[i]) one.records.push_back(&record);
            included.push_back(std::move(one));
        }
        writer.append(row.record, shown_as ? *shown_as : type, included);
    }
    out += collection_tail(*ask.request, &type, *said, frame);
    co_return json_response(200, std::move(out));
}

Async<Result<Record>> RestApi::State::visible_row(Ask ask, std::int64_t id) {
    auto row = co_await reads.get(ask.caller().account_id, ask.type->resource->name, id);
    if (!row && row.error().code() == Errc::not_found) co_return not_found();
    if (!row) co_return row.error();
    if (!may_see(ask.caller(), *row)) co_return not_found();
    if (ask.type->is_child && (*row)["kind"].text() != ask.type->name) co_return not_found();
    if (is_hidden_data(*row)) co_return not_found();
    co_return std::move(*row);
}

Async<Result<Record>> RestApi::State::changeable_row(Ask ask, std::int64_t id) {
    auto row = co_await visible_row(ask, id);
    if (!row) co_return row.error();
    if (!may_change(ask.caller(), *row)) co_return refusal(403, "Forbidden");
    co_return std::move(*row);
}

Async<Result<HttpResponse>> RestApi::State::shown_row(Ask ask, Record record, int status) {
    std::string out;
    out.reserve(kUsualRow);
    RowWriter writer(out, *ask.set, ask.caller(), ask.request->base);
    const auto* shown_as = ask.set->of_row(record);
    writer.append(record, shown_as ? *shown_as : *ask.type);
    co_return json_response(status, std::move(out));
}

Async<Result<HttpResponse>> RestApi::State::get(Ask ask, std::int64_t id) {
    auto includes = parse_includes(*ask.request, *ask.type);
    if (!includes) co_return includes.error();
    auto row = co_await visible_row(ask, id);
    if (!row) co_return row.error();
    const bool is_credential = ask.type->base == "credential";
    if (includes->empty() && !is_credential) co_return co_await shown_row(ask, std::move(*row), 200);

    std::vector<FoundRow> found;
    if (includes->empty()) {
        found.push_back({std::move(*row), {}});
    } else {
        Query query;
        query.type = ask.type->resource->name;
        query.where = {{{"id", Op::eq, {Value(id)}}}};
        query.limit = kLargestPage;
        const auto more = std::make_shared<bool>(false);  // owners: this and the search
        auto rows = co_await find_rows(ask, std::move(query), *includes, more);
        if (!rows) co_return rows.error();
        found = std::move(*rows);
    }
    if (found.empty()) co_return not_found();
    const auto rows = std::make_shared<const std::vector<FoundRow>>(std::move(found));  // owners: this and reveal
    auto revealed = co_await reveal(ask, rows);
    if (!revealed) co_return revealed.error();
    const auto& one = rows->front();
    std::vector<Included> included;
    for (std::size_t i = 0; i < one.linked.size(); ++i) {
        Included of_link;
        of_link.link = (*includes)[i];
        for (const auto& record : one.linked[i]) of_link.records.push_back(&record);
        included.push_back(std::move(of_link));
    }
    std::string out;
    out.reserve(kUsualRow);
    RowWriter writer(out, *ask.set, ask.caller(), ask.request->base);
    writer.reveal(std::move(*revealed));
    const auto* shown_as = ask.set->of_row(one.record);
    writer.append(one.record, shown_as ? *shown_as : *ask.type, included);
    co_return json_response(200, std::move(out));
}

Async<Result<HttpResponse>> RestApi::State::follow(Ask ask, std::int64_t id) {
    auto row = co_await visible_row(ask, id);
    if (!row) co_return row.error();
    const auto* link = ask.type->link(ask.request->link);
    if (!link) co_return not_found();
    Ask there = ask;
    there.type = link->target;
    CollectionFrame frame;
    frame.resource_type = there.type->name;
    switch (link->link->kind) {
        case Link::Kind::reference: {
            const auto* target = (*row)[link->link->field].if_integer();
            if (!target) co_return not_found();
            co_return co_await get(there, *target);
        }
        case Link::Kind::child: {
            if (there.type->create) {
                frame.create_field = link->link->field;
                frame.create_value = ask.caller().format(ask.type->base, id);
            }
            std::vector<AnyOf> ours{{{link->link->field, Op::eq, {Value(id)}}}};
            co_return co_await list(there, std::move(ours), std::move(frame), true);
        }
        case Link::Kind::map: break;
    }
    Query between;
    between.type = link->link->map;
    between.where = {{{link->link->field, Op::eq, {Value(id)}}}};
    const auto* map_type = sets().model().schema().find(link->link->map);
    if (map_type && map_type->find("removed")) between.where.push_back({{"removed", Op::is_null, {}}});
    between.limit = kLargestPage;
    auto maps = co_await reads.query(ask.caller().account_id, std::move(between));
    if (!maps) co_return maps.error();
    std::set<std::int64_t> ids;
    for (const auto& map : maps->rows)
        if (const auto* far = map.record[link->link->map_field].if_integer()) ids.insert(*far);
    AnyOf theirs;
    if (!ids.empty()) {
        Condition any{"id", Op::in, {}};
        for (const auto far : ids) any.values.emplace_back(far);
        theirs.push_back(std::move(any));
    }
    std::vector<AnyOf> where;
    where.push_back(std::move(theirs));
    co_return co_await list(there, std::move(where), std::move(frame), false);
}

Async<Result<boost::json::value>> RestApi::shown_to(Caller caller, std::string type, std::int64_t id,
                                                    std::vector<std::string> includes, std::string base) {
    auto state = state_;
    auto set = state->sets().of(caller.kind);
    const auto* schema = set->find(type);
    if (!schema || !schema->resource || !schema->get) co_return boost::json::value(nullptr);
    auto request = std::make_shared<ApiRequest>();
    request->caller = std::move(caller);
    request->base = std::move(base);
    request->type = schema->name;
    if (!includes.empty()) request->parameters["include"] = std::move(includes);
    const Ask ask{request, set, schema};
    auto row = co_await state->visible_row(ask, id);
    if (!row && row.error().code() == Errc::not_found) co_return boost::json::value(nullptr);
    if (!row) co_return row.error();
    auto links = parse_includes(*request, *schema);
    std::vector<FoundRow> rows;
    if (links && !links->empty()) {
        Query query;
        query.type = schema->resource->name;
        query.where = {{{"id", Op::eq, {Value(id)}}}};
        query.limit = kLargestPage;
        auto found = co_await state->find_rows(ask, std::move(query), *links, std::make_shared<bool>(false));
        if (!found) co_return found.error();
        rows = std::move(*found);
    } else {
        rows.push_back({std::move(*row), {}});
    }
    if (rows.empty()) co_return boost::json::value(nullptr);
    std::vector<Included> included;
    for (std::size_t i = 0; i < rows.front().linked.size(); ++i) {
        Included one;
        one.link = (*links)[i];
        for (const auto& record : rows.front().linked[i]) one.records.push_back(&record);
        included.push_back(std::move(one));
    }
    std::string out;
    RowWriter writer(out, *set, request->caller, request->base);
    const auto* shown_as = set->of_row(rows.front().record);
    writer.append(rows.front().record, shown_as ? *shown_as : *schema, included);
    co_return parse_json(out, 100);
}

}  // namespace drover::rest
