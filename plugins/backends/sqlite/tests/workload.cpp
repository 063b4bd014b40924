#include "workload.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <iostream>

namespace drover::sqlite_tests {
namespace {

Query of_writer(const char* type, std::int64_t writer, const char* sorted_by) {
    Query query{.type = type};
    query.where = {{{"writer", Op::eq, {writer}}}};
    query.sort = {{sorted_by, false}};
    query.limit = 1'000;
    return query;
}

struct Trail {
    std::int64_t value = 0;
    std::int64_t first_cell = 0;
    std::int64_t second_cell = 0;
    std::deque<std::int64_t> steps{};
};

/// Where the writer stands, as the store says; makes its cells the first time.
Async<Result<Trail>> find_trail(RunningStore& running, std::int64_t writer) {
    auto asking = running.store().query(of_writer("cell", writer, "half"), Consistency::primary(), running.in(20s));
    auto cells = co_await std::move(asking);
    if (!cells) co_return cells.error();
    Trail trail;
    if (cells->rows.empty()) {
        Batch batch;
        for (int half = 0; half < 2; ++half) {
            Assignments values;
            values.emplace_back("writer", Value(writer));
            values.emplace_back("half", Value(half));
            batch.operations.push_back(Create{"cell", std::move(values)});
        }
        auto committing = running.store().commit(std::move(batch), running.in(20s));
        auto committed = co_await std::move(committing);
        if (!committed) co_return committed.error();
        trail.first_cell = committed->changed[0].id;
        trail.second_cell = committed->changed[1].id;
        co_return trail;
    }
    trail.first_cell = cells->rows.at(0).record.id();
    trail.second_cell = cells->rows.at(1).record.id();
    trail.value = cells->rows.at(0).record["value"].integer();
    auto looking = running.store().query(of_writer("step", writer, "number"), Consistency::primary(), running.in(20s));
    auto steps = co_await std::move(looking);
    if (!steps) co_return steps.error();
    for (const auto& row : steps->rows) trail.steps.push_back(row.record.id());
    co_return trail;
}

Batch next_batch(const Trail& trail, std::int64_t writer, std::mt19937_64& random) {
    const auto next = trail.value + 1;
    const std::string filler(random() % 4 == 0 ? random() % 4'000 : random() % 50, 'f');
    Batch batch;
    batch.id = batch_id(writer, next);
    for (const auto cell : {trail.first_cell, trail.second_cell}) {
        Assignments values;
        values.emplace_back("value", Value(next));
        values.emplace_back("filler", Value(filler));
        batch.operations.push_back(Update{"cell", cell, std::move(values), {{"value", Value(trail.value)}}, {}});
    }
    Assignments step;
    step.emplace_back("writer", Value(writer));
    step.emplace_back("number", Value(next));
    batch.operations.push_back(Create{"step", std::move(step)});
    if (static_cast<std::int64_t>(trail.steps.size()) >= kTrail)
        batch.operations.push_back(Delete{"step", trail.steps.front(), {}, {}});
    return batch;
}

Batch poisoned(const Trail& trail) {
    Batch batch;
    Assignments values;
    values.emplace_back("note", Value("must never be seen"));
    batch.operations.push_back(Create{"poison", std::move(values)});
    batch.operations.push_back(Check{"cell", trail.first_cell, {{"value", Value(-1)}}, {}});
    return batch;
}

}  // namespace

Async<void> write_on(RunningStore& running, std::int64_t writer, std::uint64_t seed, const std::atomic<bool>& stop,
                     std::function<void(std::int64_t, std::int64_t)> acknowledged) {
    std::mt19937_64 random(seed + static_cast<std::uint64_t>(writer));
    auto finding = find_trail(running, writer);
    auto found = co_await std::move(finding);
    if (!found) co_return;
    auto trail = std::move(*found);
    while (!stop.load()) {
        if (random() % 8 == 0) {
            auto failing = running.store().commit(poisoned(trail), running.in(20s));
            const auto failed = co_await std::move(failing);
            if (failed) std::cerr << "a batch whose check fails was committed\n";
        }
        auto committing = running.store().commit(next_batch(trail, writer, random), running.in(20s));
        const auto committed = co_await std::move(committing);
        if (!committed) co_return;
        ++trail.value;
        trail.steps.push_back(committed->changed[2].id);
        if (committed->changed.size() > 3) trail.steps.pop_front();
        acknowledged(writer, trail.value);
    }
}

std::int64_t expect_whole(RunningStore& running, std::int64_t writer, std::int64_t acknowledged, std::int64_t most) {
    const auto cells = running.query(of_writer("cell", writer, "half"));
    EXPECT_TRUE(cells) << cells.error();
    if (!cells) return 0;
    if (cells->rows.empty()) {
        EXPECT_EQ(acknowledged, 0) << "writer " << writer << " lost everything";
        return 0;
    }
    EXPECT_EQ(cells->rows.size(), 2u) << "half of a batch, writer " << writer;
    const auto value = cells->rows.front().record["value"].integer();
    EXPECT_EQ(cells->rows.back().record["value"].integer(), value) << "half of a batch, writer " << writer;
    EXPECT_GE(value, acknowledged) << "an acknowledged commit is gone, writer " << writer;
    EXPECT_LE(value, most) << "a commit that nobody asked for, writer " << writer;

    const auto steps = running.query(of_writer("step", writer, "number"));
    EXPECT_TRUE(steps) << steps.error();
    if (!steps) return value;
    auto number = std::max<std::int64_t>(0, value - kTrail);
    for (const auto& row : steps->rows) EXPECT_EQ(row.record["number"].integer(), ++number) << "writer " << writer;
    EXPECT_EQ(number, value) << "half of a batch, writer " << writer;

    for (const auto asked : {value, value + 1}) {
        const auto id = batch_id(writer, asked);
        if (id.empty() || asked == 0) continue;
        const auto outcome = running.outcome(id);
        EXPECT_TRUE(outcome) << outcome.error();
        if (!outcome) continue;
        EXPECT_EQ(outcome->has_value(), asked == value) << id << " says otherwise than the records";
    }
    return value;
}

void expect_no_poison(RunningStore& running) {
    const auto found = running.query(Query{.type = "poison"});
    ASSERT_TRUE(found) << found.error();
    EXPECT_TRUE(found->rows.empty()) << "something of a refused batch was kept";
}

}  // namespace drover::sqlite_tests
