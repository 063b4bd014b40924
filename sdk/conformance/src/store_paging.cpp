// In which order records come, and how a caller goes through many of them.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Ids = std::vector<std::int64_t>;

STORE_CASE(NullsComeFirstAscendingAndLastDescending) {
    const auto null = create("machine", {});
    const auto two = create("machine", {{"size", 2}, {"rank", 2}, {"name", "b"}, {"ratio", 2.0}, {"running", true}});
    const auto one = create("machine", {{"size", -1}, {"rank", -1}, {"name", ""}, {"ratio", -1.0}, {"running", false}});
    for (const auto* field : {"size", "rank", "name", "ratio", "running"}) {
        Query query{.type = "machine"};
        query.sort = {{field, false}};
        EXPECT_EQ(ids(query), (Ids{null, one, two})) << field;
        query.sort = {{field, true}};
        EXPECT_EQ(ids(query), (Ids{two, one, null})) << field;
    }
}

STORE_CASE(TiesAreBrokenByIdAscending) {
    Ids made;
    for (int i = 0; i < 6; ++i) made.push_back(create("machine", {{"rank", 1}, {"size", 1}}));
    commit({Update{"machine", made[2], {{"name", "changed last"}}}});
    for (const auto* field : {"rank", "size"})
        for (const bool descending : {false, true}) {
            Query query{.type = "machine"};
            query.sort = {{field, descending}};
            EXPECT_EQ(ids(query), made) << field << (descending ? " descending" : "");
        }
}

STORE_CASE(LaterSortFieldsDecideWithinEarlierOnes) {
    const auto a2 = create("machine", {{"state", "a"}, {"rank", 2}});
    const auto b1 = create("machine", {{"state", "b"}, {"rank", 1}});
    const auto a1 = create("machine", {{"state", "a"}, {"rank", 1}});
    const auto b2 = create("machine", {{"state", "b"}, {"rank", 2}});
    Query query{.type = "machine"};
    query.sort = {{"state", false}, {"rank", true}};
    EXPECT_EQ(ids(query), (Ids{a2, a1, b2, b1}));
    query.sort = {{"rank", false}, {"state", true}};
    EXPECT_EQ(ids(query), (Ids{b1, a1, b2, a2}));
    query.sort = {{"rank", true}, {"id", true}};
    EXPECT_EQ(ids(query), (Ids{b2, a2, a1, b1}));
    query.sort = {{"id", true}};
    EXPECT_EQ(ids(query), (Ids{b2, a1, b1, a2}));
}

STORE_CASE(LargeIntegersAreSortedExactly) {
    constexpr std::int64_t kEdge = 9'007'199'254'740'992;
    const auto second = create("machine", {{"size", kEdge + 1}});
    const auto first = create("machine", {{"size", kEdge}});
    const auto least = create("machine", {{"size", std::numeric_limits<std::int64_t>::min()}});
    Query query{.type = "machine"};
    query.sort = {{"size", false}};
    EXPECT_EQ(ids(query), (Ids{least, first, second}));
}

STORE_CASE(LongTextIsSortedToItsEnd) {
    const std::string common(5'000, 'x');
    const auto second = create("machine", {{"note", common + "b"}});
    const auto first = create("machine", {{"note", common + "a"}});
    Query query{.type = "machine"};
    query.sort = {{"note", false}};
    EXPECT_EQ(ids(query), (Ids{first, second}));
}

STORE_CASE(LimitAndOffsetCutThePageOut) {
    Ids made;
    for (int i = 0; i < 10; ++i) made.push_back(create("machine", {{"rank", i}}));
    Query query{.type = "machine"};
    query.limit = 3;
    query.offset = 4;
    EXPECT_EQ(ids(query), Ids(made.begin() + 4, made.begin() + 7));
    query.sort = {{"rank", true}};
    EXPECT_EQ(ids(query), (Ids{made[5], made[4], made[3]}));
    query.offset = 9;
    EXPECT_EQ(ids(query), Ids{made[0]});
    for (const std::uint64_t beyond :
         {std::uint64_t{10}, std::uint64_t{1'000'000}, std::numeric_limits<std::uint64_t>::max()}) {
        query.offset = beyond;
        EXPECT_TRUE(ids(query).empty());
        EXPECT_FALSE(find(query).more);
    }
}

STORE_CASE(MoreIsTrueOnlyWhenThereIsMore) {
    for (int i = 0; i < 4; ++i) create("machine", {{"rank", 0}});
    Query query{.type = "machine"};
    query.where = where("rank", Op::eq, {0});
    query.limit = 3;
    EXPECT_TRUE(find(query).more);
    EXPECT_FALSE(find(query).next.empty());
    query.limit = 4;
    EXPECT_FALSE(find(query).more);
    EXPECT_TRUE(find(query).next.empty());
    query.limit = 3;
    query.offset = 1;
    EXPECT_FALSE(find(query).more);
}

STORE_CASE(CountIsOfAllThatMatchWhateverThePage) {
    for (int i = 0; i < 9; ++i) create("machine", {{"rank", i}, {"state", i % 3 == 0 ? "on" : "off"}});
    Query query{.type = "machine"};
    EXPECT_FALSE(find(query).count.has_value());
    query.count = true;
    query.limit = 2;
    EXPECT_EQ(find(query).count, 9u);
    query.where = where("state", Op::eq, {"on"});
    query.offset = 2;
    EXPECT_EQ(find(query).count, 3u);
    query.offset = 50;
    EXPECT_EQ(find(query).count, 3u);
    query.offset = 0;
    const auto first = find(query);
    query.cursor = first.next;
    EXPECT_EQ(find(query).count, 3u);
    EXPECT_EQ(find(query).rows.size(), 1u);
    query = {.type = "machine"};
    query.where = where("size", Op::is_null);
    query.sort = {{"name", true}};
    query.count = true;
    query.limit = 4;
    create("machine", {{"size", 1}});
    query.cursor = find(query).next;
    EXPECT_EQ(find(query).count, 9u) << "also when every record must be looked at";
}

STORE_CASE(CursorsWalkEveryOrderToItsEnd) {
    std::vector<Operation> operations;
    auto random = seeded();
    for (int i = 0; i < 60; ++i) {
        Assignments values{{"state", std::string(1, static_cast<char>('a' + random() % 3))}};
        if (random() % 3 != 0) values.emplace_back("rank", Value(static_cast<std::int64_t>(random() % 4)));
        if (random() % 3 != 0) values.emplace_back("ratio", Value(static_cast<double>(random() % 4) / 4));
        if (random() % 3 != 0) values.emplace_back("name", Value(std::string(random() % 3, 'n')));
        if (random() % 3 != 0) values.emplace_back("running", Value(random() % 2 == 0));
        operations.push_back(Create{"machine", std::move(values)});
    }
    commit(operations);
    const std::vector<std::vector<SortBy>> orders = {
        {},
        {{"id", true}},
        {{"rank", false}},
        {{"rank", true}},
        {{"state", true}, {"rank", true}},
        {{"state", false}, {"rank", false}},
        {{"name", true}, {"ratio", false}, {"running", true}},
        {{"rank", true}, {"name", false}, {"id", true}},
        {{"id", false}, {"rank", true}},
    };
    for (const auto& order : orders)
        for (const std::size_t limit : {std::size_t{1}, std::size_t{7}, std::size_t{100}}) {
            Query query{.type = "machine"};
            query.sort = order;
            query.limit = kLargestPage;
            const auto all = ids(query);
            ASSERT_EQ(all.size(), 60u);
            query.limit = limit;
            EXPECT_EQ(walk(query), all) << "sorted by " << (order.empty() ? "nothing" : order[0].field);
        }
}

STORE_CASE(CursorsKeepToTheirConditions) {
    Ids even;
    for (int i = 0; i < 20; ++i) {
        const auto id = create("machine", {{"size", i % 2}, {"rank", 20 - i}});
        if (i % 2 == 0) even.insert(even.begin(), id);
    }
    Query query{.type = "machine"};
    query.where = where("size", Op::eq, {0});
    query.sort = {{"rank", false}};
    query.limit = 3;
    EXPECT_EQ(walk(query), even);
}

STORE_CASE(ASetOfValuesIsSortedAndPagedAsAWhole) {
    // Every store finds each value of the set by its index; the order is of all of them together.
    std::vector<Operation> operations;
    for (int i = 0; i < 40; ++i)
        operations.push_back(
            Create{"machine", {{"rank", i % 5}, {"state", i % 2 == 0 ? "even" : "odd"}, {"size", i * 7 % 11}}});
    commit(operations);
    for (const auto* sorted : {"rank", "size", "id"})
        for (const bool descending : {false, true}) {
            Query query{.type = "machine"};
            query.where = {any("rank", Op::in, {1, 3, 4}), any("state", Op::in, {"odd", "even"})};
            query.sort = {{sorted, descending}};
            query.limit = kLargestPage;
            const auto all = ids(query);
            ASSERT_EQ(all.size(), 24u);
            EXPECT_TRUE(std::is_sorted(all.begin(), all.end(),
                                       [&](std::int64_t a, std::int64_t b) {
                                           const auto key = [&](std::int64_t id) {
                                               return std::string_view(sorted) == "id" ? Value(id)
                                                                                       : read("machine", id)[sorted];
                                           };
                                           const auto left = key(a);
                                           const auto right = key(b);
                                           if (left != right) return descending ? right < left : left < right;
                                           return a < b;
                                       }))
                << sorted << (descending ? " descending" : "");
            for (const std::size_t limit : {std::size_t{1}, std::size_t{5}}) {
                query.limit = limit;
                EXPECT_EQ(walk(query), all) << sorted << (descending ? " descending" : "");
            }
        }
}

STORE_CASE(CursorsNeitherSkipNorRepeatWhatStays) {
    Ids made;
    for (int i = 0; i < 30; ++i) made.push_back(create("machine", {{"rank", i * 10}}));
    Query query{.type = "machine"};
    query.sort = {{"rank", false}};
    query.limit = 10;
    const auto first = find(query);
    ASSERT_TRUE(first.more);
    // Before the cursor, at it, and after it.
    commit({Delete{"machine", made[3]}, Delete{"machine", made[9]}, Delete{"machine", made[10]},
            Create{"machine", {{"rank", 5}}}, Create{"machine", {{"rank", 90}}}});
    const auto between = create("machine", {{"rank", 115}});
    query.cursor = first.next;
    auto rest = walk(query);
    // A tie with the last of the page, but of a larger id: it comes after.
    Ids expected{rest.empty() ? 0 : rest.front(), made[11], between};
    expected.insert(expected.end(), made.begin() + 12, made.end());
    EXPECT_EQ(rest, expected);
    ASSERT_FALSE(rest.empty());
    EXPECT_EQ(read("machine", rest.front())["rank"], Value(90));
}

STORE_CASE(ACursorOfNobodyIsInvalid) {
    for (int i = 0; i < 5; ++i) create("machine", {{"rank", i}});
    Query query{.type = "machine"};
    query.limit = 2;
    query.sort = {{"rank", false}};
    const auto page = find(query);
    ASSERT_FALSE(page.next.empty());
    auto cut = page.next;
    cut.pop_back();
    for (const auto& cursor : {std::string("x"), std::string("'"), std::string(10'000, 'A'), cut, page.next + "0",
                               std::string("\0\0\0\0", 4)}) {
        query.cursor = cursor;
        const auto answered = run(alice().query(query, Consistency::primary(), in(kEnough)));
        ASSERT_FALSE(answered) << Value(cursor);
        EXPECT_EQ(answered.error().code(), Errc::invalid) << answered.error();
    }
    // Changed anywhere, by one character.
    for (std::size_t at = 0; at < page.next.size(); at += 3) {
        auto changed = page.next;
        changed[at] = changed[at] == '1' ? '2' : '1';
        query.cursor = changed;
        const auto answered = run(alice().query(query, Consistency::primary(), in(kEnough)));
        ASSERT_FALSE(answered) << Value(changed);
        EXPECT_EQ(answered.error().code(), Errc::invalid) << answered.error();
    }
}

STORE_CASE(ACursorOfAnotherQueryIsInvalid) {
    for (int i = 0; i < 5; ++i) {
        create("machine", {{"rank", i}, {"size", i}});
        create("tag", {{"label", "t"}});
    }
    Query query{.type = "machine"};
    query.limit = 2;
    query.sort = {{"rank", false}};
    query.where = where("size", Op::gte, {0});
    const auto cursor = find(query).next;
    ASSERT_FALSE(cursor.empty());
    std::vector<Query> others(5, query);
    others[0].sort = {{"rank", true}};
    others[1].sort = {{"size", false}};
    others[2].sort = {};
    others[3].where = where("size", Op::gte, {1});
    others[4] = Query{.type = "tag"};
    for (auto& other : others) {
        other.cursor = cursor;
        const auto answered = run(alice().query(other, Consistency::primary(), in(kEnough)));
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().code(), Errc::invalid) << answered.error();
    }
    query.cursor = cursor;
    query.limit = 3;  // a page of another size is the same query
    EXPECT_EQ(find(query).rows.size(), 3u);
    query.offset = 1;
    const auto both = run(alice().query(query, Consistency::primary(), in(kEnough)));
    ASSERT_FALSE(both);
    EXPECT_EQ(both.error().code(), Errc::invalid) << both.error();
}

STORE_CASE(TheLargestPageHoldsTenThousandRecords) {
    for (int batch = 0; batch < 11; ++batch) {
        std::vector<Operation> operations;
        for (int i = 0; i < 1'000; ++i) operations.push_back(Create{"tag", {{"label", "t"}}});
        commit(operations);
    }
    Query query{.type = "tag"};
    query.limit = kLargestPage;
    query.count = true;
    const auto page = find(query);
    EXPECT_EQ(page.rows.size(), kLargestPage);
    EXPECT_TRUE(page.more);
    EXPECT_EQ(page.count, 11'000u);
    query.count = false;
    EXPECT_EQ(walk(query).size(), 11'000u);
}

}  // namespace
}  // namespace drover::conformance
