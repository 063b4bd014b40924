// Many callers at once: nothing lost, nothing half seen, and nobody harmed by a neighbour's failure.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Work = std::function<Async<Result<Committed>>()>;

/// Adds one to a job's total, however often another was faster.
Async<Result<Committed>> add_one(Store& store, std::int64_t job, Deadline deadline) {
    for (;;) {
        auto record = co_await store.get("job", job, Consistency::primary(), deadline);
        if (!record) co_return record.error();
        Batch batch;
        batch.operations = {Update{"job", job, {{"total", (*record)["total"].integer() + 1}}, {}, record->version()}};
        auto done = co_await store.commit(std::move(batch), deadline);
        if (done || done.error().code() != Errc::conflict) co_return done;
    }
}

STORE_CASE(NoUpdateIsLost) {
    const auto job = create("job", {});
    std::vector<Work> adders;
    for (int i = 0; i < 40; ++i) {
        auto& store = i % 2 == 0 ? alice() : bob();
        adders.emplace_back([&store, job, deadline = in(kEnough)] { return add_one(store, job, deadline); });
    }
    for (const auto& result : together<Committed>(adders)) EXPECT_TRUE(result) << result.error();
    const auto record = read("job", job);
    EXPECT_EQ(record["total"], Value(40));
    EXPECT_EQ(record.version(), 41);
}

STORE_CASE(OneCallersFailureIsNobodyElses) {
    const auto victim = create("machine", {{"size", 1}, {"uuid", "taken"}});
    const std::vector<Operation> failures = {
        Check{"machine", victim, {{"size", 2}}},    Create{"machine", {{"uuid", "taken"}}}, Delete{"machine", 987'654},
        Create{"machine", {{"size", "no number"}}}, Update{"machine", victim, {}, {}, 99},
    };
    for (int round = 0; round < 4; ++round) {
        const auto mark = unique_name("round");
        std::vector<Work> works;
        for (int i = 0; i < 60; ++i) {
            std::vector<Operation> operations = {Create{"machine", {{"name", mark}, {"rank", i}}}};
            if (i % 3 != 0) operations.push_back(failures[static_cast<std::size_t>(i) % failures.size()]);
            works.emplace_back([this, operations] { return alice().commit(Batch{{}, operations}, in(kEnough)); });
        }
        const auto results = together<Committed>(works);
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (i % 3 == 0) {
                EXPECT_TRUE(results[i]) << i << ": " << results[i].error();
                continue;
            }
            ASSERT_FALSE(results[i]) << i;
            EXPECT_EQ(results[i].error().detail("operation"), "1") << results[i].error();
        }
        Query query{.type = "machine"};
        query.where = where("name", Op::eq, {mark});
        query.sort = {{"rank", false}};
        const auto page = find(query);
        ASSERT_EQ(page.rows.size(), 20u);
        for (std::size_t i = 0; i < 20; ++i)
            EXPECT_EQ(page.rows[i].record["rank"], Value(static_cast<std::int64_t>(i * 3)));
    }
}

STORE_CASE(OfManyClaimsOneWins) {
    for (int round = 0; round < 5; ++round) {
        const auto job = create("job", {});
        std::vector<Work> claims;
        for (int i = 0; i < 24; ++i) {
            auto& store = i % 2 == 0 ? alice() : bob();
            claims.emplace_back([&store, job, i, this] {
                Batch batch;
                batch.operations = {
                    Update{"job",
                           job,
                           {{"state", "running"}, {"owner", "claimer " + std::to_string(i)}, {"epoch", 1}},
                           {{"state", "pending"}, {"epoch", 0}}}};
                return store.commit(std::move(batch), in(kEnough));
            });
        }
        const auto results = together<Committed>(claims);
        std::string winner;
        for (std::size_t i = 0; i < results.size(); ++i) {
            if (results[i]) winner += "claimer " + std::to_string(i);
            else EXPECT_EQ(results[i].error().code(), Errc::conflict) << results[i].error();
        }
        EXPECT_EQ(read("job", job)["owner"], Value(winner)) << "exactly one won";
    }
}

STORE_CASE(OfManyCreatesOfOneUniqueValueOneWins) {
    for (int round = 0; round < 5; ++round) {
        const auto uuid = unique_name("uuid");
        std::vector<Work> creates;
        for (int i = 0; i < 24; ++i) {
            auto& store = i % 2 == 0 ? alice() : bob();
            creates.emplace_back([&store, uuid, this] {
                return store.commit(Batch{{}, {Create{"tag", {{"label", uuid}}}, Create{"machine", {{"uuid", uuid}}}}},
                                    in(kEnough));
            });
        }
        int won = 0;
        for (const auto& result : together<Committed>(creates)) {
            won += result.has_value();
            if (result) continue;
            EXPECT_EQ(result.error().code(), Errc::conflict) << result.error();
            EXPECT_EQ(result.error().detail("unique"), "true") << result.error();
            EXPECT_EQ(result.error().detail("field"), "uuid") << result.error();
        }
        EXPECT_EQ(won, 1);
        EXPECT_EQ(machines(where("uuid", Op::eq, {uuid})).size(), 1u);
        Query tags{.type = "tag"};
        tags.where = where("label", Op::eq, {uuid});
        EXPECT_EQ(ids(tags).size(), 1u);
    }
}

STORE_CASE(CommitsThatCrossEachOtherAllHappen) {
    // In opposite orders, as deadlocks are made of.
    const auto first = create("job", {});
    const auto second = create("job", {});
    std::vector<Work> works;
    for (int i = 0; i < 40; ++i) {
        auto& store = i % 4 < 2 ? alice() : bob();
        const auto one = i % 2 == 0 ? first : second;
        const auto other = i % 2 == 0 ? second : first;
        works.emplace_back([&store, one, other, i, this] {
            return store.commit(Batch{{},
                                      {Update{"job", one, {{"total", i}}}, Create{"tag", {{"label", "t"}}},
                                       Update{"job", other, {{"total", i}}}}},
                                in(kEnough));
        });
    }
    for (const auto& result : together<Committed>(works)) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(read("job", first).version(), 41);
    EXPECT_EQ(read("job", second).version(), 41);
    EXPECT_EQ(read("job", first)["total"], read("job", second)["total"]);
}

STORE_CASE(WhatABatchChecksStaysTrueUntilItHappened) {
    // Write skew: each checks what the other changes. In any serial order one of them fails.
    for (int round = 0; round < 20; ++round) {
        const auto left = create("job", {});
        const auto right = create("job", {});
        const auto cross = [this](Store& store, std::int64_t checked, std::int64_t changed) -> Work {
            return [this, &store, checked, changed] {
                return store.commit(
                    Batch{{}, {Check{"job", checked, {{"total", 0}}}, Update{"job", changed, {{"total", 1}}}}},
                    in(kEnough));
            };
        };
        const auto results = together<Committed>({cross(alice(), left, right), cross(bob(), right, left)});
        EXPECT_EQ(results[0].has_value() + results[1].has_value(), 1);
        EXPECT_EQ(read("job", left)["total"].integer() + read("job", right)["total"].integer(), 1);
    }
}

STORE_CASE(VersionsOfConcurrentUpdatesAreAllDifferent) {
    const auto job = create("job", {});
    std::vector<Work> updates;
    for (int i = 0; i < 30; ++i) {
        auto& store = i % 2 == 0 ? alice() : bob();
        updates.emplace_back([&store, job, i, this] {
            return store.commit(Batch{{}, {Update{"job", job, {{"total", i}}}}}, in(kEnough));
        });
    }
    std::set<std::int64_t> versions;
    for (const auto& result : together<Committed>(updates)) {
        ASSERT_TRUE(result) << result.error();
        versions.insert(result->changed[0].version);
    }
    EXPECT_EQ(versions.size(), 30u);
    EXPECT_EQ(*versions.rbegin(), 31);
}

STORE_CASE(ConcurrentCreatesGetIdsOfTheirOwn) {
    std::vector<Work> creates;
    for (int i = 0; i < 32; ++i) {
        auto& store = i % 2 == 0 ? alice() : bob();
        creates.emplace_back([&store, i, this] {
            std::vector<Operation> operations;
            for (int k = 0; k < 10; ++k) operations.push_back(Create{"machine", {{"size", i}, {"rank", k}}});
            return store.commit(Batch{{}, std::move(operations)}, in(kEnough));
        });
    }
    std::set<std::int64_t> seen;
    const auto results = together<Committed>(creates);
    for (std::size_t i = 0; i < results.size(); ++i) {
        ASSERT_TRUE(results[i]) << results[i].error();
        for (const auto& changed : results[i]->changed) {
            EXPECT_TRUE(seen.insert(changed.id).second);
            EXPECT_EQ(read("machine", changed.id)["size"], Value(static_cast<std::int64_t>(i)));
        }
    }
    EXPECT_EQ(machines({}).size(), 320u);
}

/// Moves amounts between two jobs whose totals always add up to a hundred, until told to stop.
Async<Result<Committed>> move_amounts(Store& store, std::int64_t left, std::int64_t right, std::shared_ptr<Gate> stop,
                                      Deadline deadline) {
    Committed last;
    for (std::int64_t i = 0; !stop->is_open(); ++i) {
        Batch batch;
        batch.operations = {Update{"job", left, {{"total", i % 101}}},
                            Update{"job", right, {{"total", 100 - i % 101}}}};
        auto done = co_await store.commit(std::move(batch), deadline);
        if (!done) co_return done;
        last = std::move(*done);
    }
    co_return last;
}

Async<Result<Committed>> watch_sums(Store& store, std::shared_ptr<Gate> stop, Deadline deadline) {
    for (int i = 0; i < 150; ++i) {
        Query query{.type = "job"};
        auto page = co_await store.query(std::move(query), Consistency::primary(), deadline);
        if (!page) co_return page.error();
        std::int64_t sum = 0;
        for (const auto& row : page->rows) sum += row.record["total"].integer();
        if (sum != 100) co_return Error(Errc::internal, "half of a commit was seen: the sum is " + std::to_string(sum));
        if (page->rows[0].record.version() != page->rows[1].record.version())
            co_return Error(Errc::internal, "versions of two commits were seen in one read");
    }
    stop->open();
    co_return Committed{};
}

STORE_CASE(AReadSeesNoHalfOfACommit) {
    const auto made = commit({Create{"job", {{"total", 100}}}, Create{"job", {{"total", 0}}}});
    const auto left = made.changed[0].id;
    const auto right = made.changed[1].id;
    const auto stop = std::make_shared<Gate>();  // owners: the coroutines of this case
    const auto deadline = in(kEnough);
    const auto results = together<Committed>({
        [&] { return move_amounts(alice(), left, right, stop, deadline); },
        [&] { return watch_sums(alice(), stop, deadline); },
        [&] { return watch_sums(bob(), stop, deadline); },
    });
    for (const auto& result : results) EXPECT_TRUE(result) << result.error();
}

STORE_CASE(AnIncludeIsOfTheSameMomentAsItsRecord) {
    // The child always carries its parent's number.
    const auto parent = create("machine", {{"size", 0}});
    const auto child = create("disk", {{"machineId", parent}, {"slot", 0}});
    const auto stop = std::make_shared<Gate>();  // owners: the coroutines of this case
    const auto deadline = in(kEnough);
    const auto writer = [&, this]() -> Async<Result<Committed>> {
        for (std::int64_t i = 1; !stop->is_open(); ++i) {
            Batch batch;
            batch.operations = {Update{"machine", parent, {{"size", i}}}, Update{"disk", child, {{"slot", i}}}};
            auto done = co_await alice().commit(std::move(batch), deadline);
            if (!done) co_return done;
        }
        co_return Committed{};
    };
    const auto reader = [&, this]() -> Async<Result<Committed>> {
        for (int i = 0; i < 150; ++i) {
            Query query{.type = "machine"};
            query.include = {"disks"};
            auto page = co_await bob().query(std::move(query), Consistency::primary(), deadline);
            if (!page) co_return page.error();
            const auto& row = page->rows.at(0);
            if (row.record["size"] != (*row.included.at(0))["slot"])
                co_return Error(Errc::internal, "record and include are of different moments");
        }
        stop->open();
        co_return Committed{};
    };
    for (const auto& result : together<Committed>({writer, reader})) EXPECT_TRUE(result) << result.error();
}

STORE_CASE(AnAcknowledgedCommitIsSeenByEveryPrimaryRead) {
    for (int i = 0; i < 30; ++i) {
        const auto id = create("machine", {{"size", i}});
        const auto got = run(bob().get("machine", id, Consistency::primary(), in(kEnough)));
        ASSERT_TRUE(got) << got.error();
        EXPECT_EQ((*got)["size"], Value(i));
        const auto changed = attempt(bob(), {Update{"machine", id, {{"size", -i}}}});
        ASSERT_TRUE(changed) << changed.error();
        EXPECT_EQ(read("machine", id)["size"], Value(-i));
    }
}

STORE_CASE(AReadOfAtLeastAPositionSeesItsCommit) {
    for (int i = 0; i < 30; ++i) {
        const auto done = commit({Create{"machine", {{"rank", i}}}});
        const auto at_least = Consistency::at_least(done.position);
        const auto got = run(bob().get("machine", done.changed[0].id, at_least, in(kEnough)));
        ASSERT_TRUE(got) << got.error();
        Query query{.type = "machine"};
        query.where = where("rank", Op::eq, {i});
        const auto page = run(bob().query(query, at_least, in(kEnough)));
        ASSERT_TRUE(page) << page.error();
        EXPECT_EQ(page->rows.size(), 1u);
    }
}

STORE_CASE(TheNewestPositionCoversEverythingAcknowledged) {
    const auto empty = run(alice().position(in(kEnough)));
    ASSERT_TRUE(empty) << empty.error();
    const auto id = create("machine", {});
    const auto newest = run(bob().position(in(kEnough)));
    ASSERT_TRUE(newest) << newest.error();
    EXPECT_FALSE(*newest == *empty);
    EXPECT_TRUE(run(alice().get("machine", id, Consistency::at_least(*newest), in(kEnough))));
    const auto old = run(alice().query(Query{.type = "machine"}, Consistency::at_least(*empty), in(kEnough)));
    EXPECT_TRUE(old) << "an older position is never too new";
}

STORE_CASE(APositionOfNobodyIsInvalid) {
    for (const auto* text : {"x", "not a position", "'", "-", "\xFF"}) {
        const auto read =
            run(alice().query(Query{.type = "machine"}, Consistency::at_least(Position{text}), in(kEnough)));
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().code(), Errc::invalid) << read.error();
    }
}

STORE_CASE(AStaleReadShowsAMomentThatWas) {
    const auto made = commit({Create{"job", {{"total", 100}}}, Create{"job", {{"total", 0}}}});
    EXPECT_TRUE(run(alice().get("job", made.changed[0].id, Consistency::at_least(made.position), in(kEnough))));
    for (std::int64_t i = 1; i <= 50; ++i) {
        commit({Update{"job", made.changed[0].id, {{"total", 100 - i}}},
                Update{"job", made.changed[1].id, {{"total", i}}}});
        const auto page = run(bob().query(Query{.type = "job"}, Consistency::stale_by(1h), in(kEnough)));
        ASSERT_TRUE(page) << page.error();
        std::int64_t sum = 0;
        for (const auto& row : page->rows) sum += row.record["total"].integer();
        // It may miss commits, but never a half of one.
        EXPECT_TRUE(sum == 100 || page->rows.empty()) << sum;
    }
}

}  // namespace
}  // namespace drover::conformance
