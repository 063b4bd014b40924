// What dead servers left behind becomes free again, and what is pending is counted.
#include "attempt.hpp"
#include "dispatch.hpp"
#include "roster.hpp"

namespace drover::engine {

using namespace std::chrono_literals;
namespace {

constexpr std::size_t kAtOnce = 200;

Update freed(const Record& row) {
    Update update;
    update.type = "processInstance";
    update.id = row.id();
    update.values = {{"runningProcessServerId", Value()}, {"queue", row["slot"]}};
    update.expect = {{"epoch", row["epoch"]}, {"runningProcessServerId", row["runningProcessServerId"]}};
    return update;
}

}  // namespace

Async<Result<std::vector<bool>>> commit_most(Core& core, std::vector<Update> updates, Deadline deadline) {
    std::vector<bool> done(updates.size(), false);
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < updates.size(); ++i) left.push_back(i);
    while (!left.empty()) {
        Batch batch;
        for (const auto index : left) batch.operations.emplace_back(updates[index]);
        auto committing = core.commit(std::move(batch), deadline);
        auto committed = co_await std::move(committing);
        if (committed) {
            for (const auto index : left) done[index] = true;
            break;
        }
        const auto code = committed.error().code();
        const auto refused = refused_operation(committed.error());
        if ((code != Errc::conflict && code != Errc::not_found) || !refused || *refused >= left.size())
            co_return committed.error();
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(*refused));
    }
    co_return done;
}

Async<Result<void>> Dispatcher::free_rows_of_the_dead() {
    if (!core_.roster->known()) co_return ok;
    for (;;) {
        const auto live = core_.roster->live();
        Query query;
        query.type = "processInstance";
        query.where.push_back({{"runningProcessServerId", Op::gt, {Value("")}}});
        for (const auto& member : live) query.where.push_back({{"runningProcessServerId", Op::ne, {Value(member)}}});
        // What this server runs is no dead one's, even if its membership was lost for a moment.
        if (!live.contains(core_.server))
            query.where.push_back({{"runningProcessServerId", Op::ne, {Value(core_.server)}}});
        query.sort = {{"runningProcessServerId", false}};
        query.limit = kAtOnce;
        auto reading = core_.query(std::move(query), core_.soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        if (page->rows.empty()) co_return ok;
        // A server may have joined after this one last looked: whoever claimed what was read had joined before.
        auto looking = core_.membership.members(core_.soon());
        auto members = co_await std::move(looking);
        if (!members) co_return members.error();
        std::vector<Update> updates;
        for (const auto& row : page->rows) {
            const auto owner = row.record["runningProcessServerId"].text();
            const bool lives = std::any_of(members->list.begin(), members->list.end(),
                                           [&](const Member& member) { return member.id == owner; });
            if (!lives) updates.push_back(freed(row.record));
        }
        if (updates.empty()) co_return ok;
        auto freeing = commit_most(core_, std::move(updates), core_.soon());
        auto done = co_await std::move(freeing);
        if (!done) co_return done.error();
        const auto count = std::count(done->begin(), done->end(), true);
        core_.measures.taken_over.add(static_cast<double>(count));
        if (count > 0) core_.log.info("processes of servers that are gone are free again", {{"count", count}});
        if (!page->more) co_return ok;
    }
}

/// Rows that bear this server's name and that it does not run: their claim was written, but nobody was told.
Async<Result<void>> Dispatcher::free_own_unknown() {
    std::string cursor;
    for (;;) {
        Query query;
        query.type = "processInstance";
        query.where.push_back({{"runningProcessServerId", Op::eq, {Value(core_.server)}}});
        query.limit = kAtOnce;
        query.cursor = cursor;
        // A row claimed after this was asked for is under way already, or will be when its commit returns.
        const auto asked = core_.now();
        auto reading = core_.query(std::move(query), core_.soon());
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        std::vector<Update> updates;
        {
            const std::lock_guard lock(mutex_);
            constexpr std::int64_t kYoung = 60'000;  // its commit may still be under way
            for (const auto& row : page->rows)
                if (!known_.contains(row.record.id()) && row.record["startTime"].integer() < asked - kYoung)
                    updates.push_back(freed(row.record));
        }
        if (!updates.empty()) {
            auto freeing = commit_most(core_, std::move(updates), core_.soon());
            auto done = co_await std::move(freeing);
            if (!done) co_return done.error();
        }
        if (!page->more || page->next.empty()) co_return ok;
        cursor = page->next;
    }
}

Async<void> Dispatcher::watch_deadlines() {
    for (;;) {
        const auto slept = co_await sleep_for(core_.clock, 500ms);
        if (!slept) co_return;
        for (const auto& attempt : under_way())
            if (attempt->deadline().passed(core_.clock)) attempt->give_up();
    }
}

Async<Result<void>> Dispatcher::measure() {
    Query pending;
    pending.type = "processInstance";
    pending.where.push_back({{"queue", Op::gte, {Value(0)}}});
    pending.sort = {{"queue", false}};
    pending.limit = 1;
    pending.count = true;
    auto counting = core_.query(std::move(pending), core_.soon());
    auto waiting = co_await std::move(counting);
    if (!waiting) co_return waiting.error();
    core_.measures.pending.set(static_cast<double>(waiting->count.value_or(0)));
    Query oldest;
    oldest.type = "processInstance";
    oldest.where.push_back({{"endTime", Op::is_null, {}}});
    oldest.limit = 1;
    auto looking = core_.query(std::move(oldest), core_.soon());
    auto first = co_await std::move(looking);
    if (!first) co_return first.error();
    double age = 0;
    if (!first->rows.empty())
        age = static_cast<double>(core_.now() - first->rows.front().record["startTime"].integer()) / 1'000;
    core_.measures.oldest.set(std::max(0.0, age));
    Query parked;
    parked.type = "processInstance";
    parked.where.push_back({{"endTime", Op::is_null, {}}});
    parked.where.push_back({{"parked", Op::eq, {Value(true)}}});
    parked.limit = 1;
    parked.count = true;
    auto counting_parked = core_.query(std::move(parked), core_.soon());
    auto waits = co_await std::move(counting_parked);
    if (!waits) co_return waits.error();
    core_.measures.parked.set(static_cast<double>(waits->count.value_or(0)));
    const std::lock_guard lock(mutex_);
    core_.measures.in_flight.set(static_cast<double>(in_flight_));
    co_return ok;
}

}  // namespace drover::engine
