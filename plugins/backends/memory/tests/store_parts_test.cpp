// The parts of the memory store, each beside a simple model; what every store does is in the kit.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "drover/conformance/waiting.hpp"
#include "store_cursor.hpp"
#include "store_plan.hpp"

namespace drover::memory {
namespace {

class Random {
public:
    Random() : engine_(conformance::case_seed()) {}
    std::size_t below(std::size_t end) { return engine_() % end; }
    std::int64_t integer() {
        static const std::vector<std::int64_t> edges = {
            std::numeric_limits<std::int64_t>::min(), -1, 0, 1, 127, 128, -64, -65, 9'007'199'254'740'993,
            std::numeric_limits<std::int64_t>::max()};
        return below(2) == 0 ? edges[below(edges.size())] : static_cast<std::int64_t>(engine_());
    }
    Value value(FieldType type) {
        if (below(4) == 0) return {};
        switch (type) {
            case FieldType::boolean: return below(2) == 0;
            case FieldType::real: return std::vector<double>{-1e300, -0.0, 0.0, 5e-324, 0.1, 1e300, -1.0}[below(7)];
            case FieldType::text:
                return std::vector<std::string>{"",
                                                "a",
                                                std::string("a\0b", 3),
                                                "eight by",
                                                "eight bytes and more",
                                                "eight bytes and less",
                                                "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                                                std::string(200, 'x')}[below(8)];
            default: return integer();
        }
    }

private:
    std::mt19937_64 engine_;
};

const Shape kShape = {FieldType::text, FieldType::integer,   FieldType::boolean, FieldType::real, FieldType::date,
                      FieldType::text, FieldType::reference, FieldType::boolean, FieldType::real};

std::vector<Value> some_values(Random& random) {
    std::vector<Value> values;
    for (const auto type : kShape) values.push_back(random.value(type));
    return values;
}

std::vector<Cell> cells_of(const std::vector<Value>& values) {
    std::vector<Cell> cells;
    for (const auto& value : values) cells.push_back(Cell::of(value));
    return cells;
}

TEST(PackedRowTest, GivesBackWhatWasPacked) {
    Random random;
    for (int i = 0; i < 2'000; ++i) {
        const auto values = some_values(random);
        const auto row = pack(cells_of(values));
        std::vector<Cell> cells;
        unpack(row.get(), kShape, cells);
        ASSERT_EQ(cells.size(), values.size());
        for (std::size_t k = 0; k < values.size(); ++k) {
            EXPECT_EQ(cells[k].value(), values[k]);
            EXPECT_EQ(cell_at(row.get(), kShape, k).value(), values[k]);
        }
    }
}

TEST(CellTest, IsOrderedAsValuesAreAndItsPrefixAgrees) {
    Random random;
    for (const auto type : {FieldType::text, FieldType::integer, FieldType::real, FieldType::boolean})
        for (int i = 0; i < 5'000; ++i) {
            const auto a = random.value(type);
            const auto b = random.value(type);
            const int order = compare(Cell::of(a), Cell::of(b));
            ASSERT_EQ(order < 0, a < b) << a << " " << b;
            ASSERT_EQ(order == 0, a == b) << a << " " << b;
            if (order == 0) {
                ASSERT_EQ(prefix_of(Cell::of(a)), prefix_of(Cell::of(b))) << a << " " << b;
            } else if (prefix_of(Cell::of(a)) != prefix_of(Cell::of(b))) {
                ASSERT_EQ(prefix_of(Cell::of(a)) < prefix_of(Cell::of(b)), order < 0) << a << " " << b;
            }
        }
}

/// A table of two fields whose values repeat, with an index over both and one over the second.
struct SmallTable {
    Table table{"thing"};
    SmallTable() {
        table.add_column(text_field("name"));
        table.add_column(integer_field("size"));
        EXPECT_TRUE(table.add_index({0, 1}, false));
        EXPECT_TRUE(table.add_index({1}, false));
    }
};

/// What an index over (name, size) holds, in its order, by the definition.
using ModelIndex = std::set<std::tuple<Value, Value, std::int64_t>>;

std::vector<std::int64_t> ids_in(const OrderedIndex& index) {
    std::vector<std::int64_t> ids;
    for (auto place = index.begin(); place != index.end(); place = index.next(place)) ids.push_back(index.at(place).id);
    return ids;
}

TEST(TableTest, ItsIndexesFollowEveryChange) {
    Random random;
    SmallTable small;
    auto& table = small.table;
    std::map<std::int64_t, std::pair<Value, Value>> model;
    const auto some = [&] {
        return std::pair(random.below(5) == 0 ? Value() : Value("name " + std::to_string(random.below(6))),
                         random.below(5) == 0 ? Value() : Value(static_cast<std::int64_t>(random.below(6))));
    };
    const auto pick = [&] { return std::next(model.begin(), static_cast<std::ptrdiff_t>(random.below(model.size()))); };
    for (int step = 0; step < 12'000; ++step) {
        // Grows for a while, shrinks for a while, so that blocks split and join.
        const bool growing = step / 3'000 % 2 == 0;
        const auto what = random.below(10);
        if (model.empty() || what < (growing ? 6u : 2u)) {
            const auto [name, size] = some();
            const auto id = table.insert({Cell::of(name), Cell::of(size)}).id;
            ASSERT_TRUE(model.emplace(id, std::pair(name, size)).second);
        } else if (what < (growing ? 8u : 4u)) {
            const auto at = pick();
            at->second = some();
            const auto* slot = table.find(at->first);
            ASSERT_TRUE(slot);
            table.replace(*slot, pack({Cell::of(at->second.first), Cell::of(at->second.second)}), slot->version + 1);
        } else {
            const auto at = pick();
            const auto* slot = table.find(at->first);
            ASSERT_TRUE(slot);
            const auto version = slot->version;
            auto row = table.remove(*slot);
            if (random.below(3) == 0) table.restore(at->first, std::move(row), version);
            else model.erase(at);
        }
        if (step % 500 != 499) continue;
        ModelIndex both;
        std::set<std::pair<Value, std::int64_t>> second;
        for (const auto& [id, fields] : model) {
            both.emplace(fields.first, fields.second, id);
            second.emplace(fields.second, id);
        }
        std::vector<std::int64_t> expected;
        for (const auto& entry : both) expected.push_back(std::get<2>(entry));
        ASSERT_EQ(ids_in(*table.indexes()[0]), expected) << "step " << step;
        expected.clear();
        for (const auto& entry : second) expected.push_back(entry.second);
        ASSERT_EQ(ids_in(*table.indexes()[1]), expected) << "step " << step;
        ASSERT_EQ(table.size(), model.size());
    }
}

TEST(IndexTest, FindsEveryPlaceBetweenItsEntries) {
    Random random;
    SmallTable small;
    ModelIndex model;
    for (int i = 0; i < 1'000; ++i) {
        const Value name = "n" + std::to_string(random.below(5));
        const auto size = static_cast<std::int64_t>(random.below(50)) - 25;
        const auto id = small.table.insert({Cell::of(name), Cell::of(Value(size))}).id;
        model.emplace(name, size, id);
    }
    const auto& index = *small.table.indexes()[0];
    const std::vector<ModelIndex::value_type> entries(model.begin(), model.end());
    const auto position = [&](OrderedIndex::Place place) {
        std::size_t at = 0;
        for (auto one = index.begin(); one != place; one = index.next(one)) ++at;
        return at;
    };
    for (int i = 0; i < 200; ++i) {
        const Value name = "n" + std::to_string(random.below(6));
        const Value size = static_cast<std::int64_t>(random.below(54)) - 27;
        const bool after = random.below(2) == 0;
        std::size_t by_name = 0;
        std::size_t by_both = 0;
        for (const auto& [n, s, id] : entries) {
            by_name += n < name || (after && n == name);
            by_both += std::tie(n, s) < std::tie(name, size) || (after && std::tie(n, s) == std::tie(name, size));
        }
        EXPECT_EQ(position(index.find({{Cell::of(name)}, after})), by_name) << name;
        EXPECT_EQ(position(index.find({{Cell::of(name), Cell::of(size)}, after})), by_both) << name << size;
        // The entry itself, with its id.
        const auto at = random.below(entries.size());
        const auto& [n, s, id] = entries[at];
        EXPECT_EQ(position(index.find({{Cell::of(n), Cell::of(s)}, after, id})), at + after);
    }
    EXPECT_EQ(index.find({}), index.begin());
    EXPECT_EQ(index.find({{}, true}), index.end());
    for (auto place = index.end(); place != index.begin();) {
        const auto later = place;
        place = index.previous(place);
        EXPECT_EQ(index.next(place), later);
    }
}

TEST(TableTest, GivesBackMemoryOfIdsThatAreGone) {
    SmallTable small;
    for (int i = 0; i < 5'000; ++i) {
        const auto& slot = small.table.insert({Cell{}, Cell::of(Value(i))});
        if (slot.id % 1'000 != 0) small.table.remove(slot);
    }
    std::vector<std::int64_t> forward;
    for (const auto* slot = small.table.at_or_after(1); slot; slot = small.table.at_or_after(slot->id + 1))
        forward.push_back(slot->id);
    EXPECT_EQ(forward, (std::vector<std::int64_t>{1'000, 2'000, 3'000, 4'000, 5'000}));
    std::vector<std::int64_t> backward;
    for (const auto* slot = small.table.at_or_before(9'999); slot; slot = small.table.at_or_before(slot->id - 1))
        backward.insert(backward.begin(), slot->id);
    EXPECT_EQ(backward, forward);
    EXPECT_FALSE(small.table.at_or_after(5'001));
    EXPECT_FALSE(small.table.at_or_before(999));
}

/// A store's state with ten thousand records of one type.
class PathTest : public testing::Test {
protected:
    static constexpr std::int64_t kRecords = 10'000;
    void SetUp() override {
        ResourceType thing{.name = "thing"};
        thing.fields = {text_field("uuid").is_unique(), text_field("state").with_index(),
                        integer_field("rank").with_index(), text_field("plain"), reference_field("ownerId", "thing")};
        thing.indexes = {{{"state", "rank"}, false}};
        auto schema = Schema::make({thing}).value();
        ASSERT_TRUE(migrate_tables(state_, *schema, true));
        view_ = make_view(state_, schema);
        for (std::int64_t i = 0; i < kRecords; ++i) {
            Batch batch;
            batch.operations = {Create{"thing",
                                       {{"uuid", "uuid " + std::to_string(i)},
                                        {"state", i % 100 == 0 ? "rare" : "common"},
                                        {"rank", i % 1'000},
                                        {"plain", "p" + std::to_string(i)},
                                        {"ownerId", i % 10}}}};
            ASSERT_TRUE(apply_batch(view_, batch));
        }
    }
    /// How many records a query looks at to find `needed`.
    std::size_t visits(std::vector<AnyOf> where, std::vector<SortBy> sort = {}, std::size_t needed = 11,
                       bool whole = false) {
        const auto& type = view_.of("thing");
        const Filter filter(type, where);
        const Order order(type, sort);
        const auto path = Path::choose(type, filter, order, needed, whole);
        std::size_t seen = 0;
        std::size_t found = 0;
        path.walk(nullptr, [&](const Slot& slot) {
            ++seen;
            found += filter.holds(slot);
            return whole || !path.ordered() || found < needed;
        });
        return seen;
    }

    StoreState state_;
    View view_;
};

TEST_F(PathTest, LooksAtLittleMoreThanItFinds) {
    EXPECT_EQ(visits({{{"uuid", Op::eq, {"uuid 77"}}}}), 1u);
    EXPECT_EQ(visits({{{"id", Op::eq, {77}}}}), 1u);
    EXPECT_EQ(visits({{{"id", Op::in, {77, 78, 10'000'000}}}}), 2u);
    EXPECT_EQ(visits({{{"id", Op::gt, {9'990}}}}), 11u) << "and at the bound itself";
    EXPECT_EQ(visits({}), 11u);
    EXPECT_EQ(visits({}, {{"id", true}}), 11u);
    EXPECT_EQ(visits({{{"state", Op::eq, {"rare"}}}}), 11u);
    EXPECT_EQ(visits({{{"state", Op::eq, {"rare"}}}}, {}, 11, true), 100u);
    EXPECT_EQ(visits({}, {{"rank", false}}), 11u);
    EXPECT_EQ(visits({}, {{"rank", true}}), 11u);
    EXPECT_EQ(visits({{{"state", Op::eq, {"common"}}}}, {{"rank", true}}), 11u);
    EXPECT_EQ(visits({{{"state", Op::eq, {"rare"}}}, {{"rank", Op::gte, {900}}}}), 10u);
    EXPECT_EQ(visits({{{"rank", Op::eq, {5}}}}), 10u);
    EXPECT_EQ(visits({{{"rank", Op::lt, {2}}}}, {}, 100), 20u);
    EXPECT_EQ(visits({{{"rank", Op::eq, {5}}, {"rank", Op::eq, {7}}}}), 20u) << "equalities of one field are one set";
    EXPECT_EQ(visits({{{"uuid", Op::prefix, {"uuid 99"}}}}, {}, 1'000), 111u);
    EXPECT_EQ(visits({{{"ownerId", Op::eq, {3}}}, {{"uuid", Op::in, {"uuid 3", "uuid 13"}}}}), 2u);
    EXPECT_EQ(visits({{{"uuid", Op::is_null, {}}}}), 0u);
}

TEST_F(PathTest, LooksAtAllWhenNothingHelps) {
    EXPECT_EQ(visits({{{"plain", Op::eq, {"p9999"}}}}), 10'000u);
    EXPECT_EQ(visits({}, {{"plain", false}}), 10'000u);
    EXPECT_EQ(visits({{{"plain", Op::eq, {"p5"}}, {"uuid", Op::eq, {"uuid 5"}}}}), 10'000u);
}

TEST_F(PathTest, ACursorMadeUpByACallerDoesNoHarm) {
    // With a right checksum and a key that no such query can end at.
    for (const bool descending : {false, true})
        for (const std::int64_t rank : {std::int64_t{-5}, std::int64_t{500}, std::int64_t{5'000}})
            for (const std::int64_t id :
                 {std::int64_t{-1}, std::int64_t{5}, std::numeric_limits<std::int64_t>::max()}) {
                Query query{.type = "thing"};
                query.where = {{{"rank", Op::gte, {100}}}, {{"rank", Op::lt, {110}}}};
                query.sort = {{"rank", descending}};
                query.cursor = write_cursor(query, {{Value(rank)}, id});
                const auto page = run_query(view_, query);
                ASSERT_TRUE(page) << page.error();
                for (const auto& row : page->rows) EXPECT_EQ(row.record["rank"].integer() / 10, 10);
            }
}

TEST(BatchMemoryTest, KeepsAnHourWhateverComes) {
    using std::chrono::minutes;
    BatchMemory memory(3);
    const TimePoint start{};
    const auto add = [&](const std::string& id, TimePoint now) {
        if (auto room = memory.make_room(now); !room) return room;
        memory.add(id, {{id}, {}}, now);
        return Result<void>(ok);
    };
    ASSERT_TRUE(add("first", start));
    ASSERT_TRUE(add("second", start + minutes(30)));
    ASSERT_TRUE(add("third", start + minutes(59)));
    const auto refused = add("fourth", start + minutes(59));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::exhausted);
    EXPECT_FALSE(memory.find("fourth"));
    ASSERT_TRUE(memory.find("first"));
    EXPECT_EQ(memory.find("first")->position.text, "first");

    ASSERT_TRUE(add("fourth", start + minutes(60)));
    EXPECT_FALSE(memory.find("first"));
    for (const auto* id : {"second", "third", "fourth"}) EXPECT_TRUE(memory.find(id)) << id;
}

TEST(FairLockTest, ReadersWhoOverlapWithoutEndDoNotKeepAWriterOut) {
    FairLock lock;
    std::atomic<bool> stop{false};
    std::atomic<int> reading{0};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i)
        readers.emplace_back([&] {
            while (!stop.load()) {
                const auto held = lock.read();
                ++reading;
                // Until another reads too, so that there is always one; unless a writer keeps the others out.
                for (int turn = 0; turn < 1'000 && reading.load() < 2 && !stop.load(); ++turn)
                    std::this_thread::yield();
                --reading;
            }
        });
    for (int i = 0; i < 200; ++i) {
        const auto held = lock.write();
        EXPECT_EQ(reading.load(), 0);
    }
    stop.store(true);
    for (auto& reader : readers) reader.join();
}

}  // namespace
}  // namespace drover::memory
