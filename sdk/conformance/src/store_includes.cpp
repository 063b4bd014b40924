// Linked records beside their own: a LEFT JOIN, paged by joined rows.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

/// "1+7 1+8 2-": each row's record, and what is joined to it.
std::string shape(const Page& page) {
    std::string text;
    for (const auto& row : page.rows) {
        if (!text.empty()) text += ' ';
        text += std::to_string(row.record.id());
        for (const auto& linked : row.included) text += linked ? "+" + std::to_string(linked->id()) : "-";
    }
    return text;
}

std::string rows(std::initializer_list<std::vector<std::int64_t>> expected) {
    std::string text;
    for (const auto& row : expected) {
        if (!text.empty()) text += ' ';
        text += std::to_string(row[0]);
        for (std::size_t i = 1; i < row.size(); ++i) text += row[i] ? "+" + std::to_string(row[i]) : "-";
    }
    return text;
}

Query including(std::string type, std::vector<std::string> links) {
    Query query{.type = std::move(type)};
    query.include = std::move(links);
    return query;
}

STORE_CASE(AnIncludedReferenceIsTheRecordItPointsTo) {
    const auto team = create("team", {{"name", "red"}, {"kind", "k"}});
    const auto with = create("machine", {{"teamId", team}});
    const auto without = create("machine", {});
    const auto dangling = create("machine", {{"teamId", 987'654}});
    const auto page = find(including("machine", {"team"}));
    EXPECT_EQ(shape(page), rows({{with, team}, {without, 0}, {dangling, 0}}));
    ASSERT_TRUE(page.rows[0].included[0]);
    EXPECT_EQ(page.rows[0].included[0]->type().name, "team");
    EXPECT_EQ((*page.rows[0].included[0])["name"], Value("red"));
    EXPECT_EQ((*page.rows[0].included[0])["kind"], Value("k"));
    EXPECT_EQ(page.rows[0].included[0]->version(), 1);
}

STORE_CASE(IncludedChildrenTakeARowEach) {
    const auto first = create("machine", {{"name", "first"}});
    const auto second = create("machine", {{"name", "second"}});
    const auto third = create("machine", {});
    const auto a = create("disk", {{"label", "a"}, {"machineId", third}});
    const auto b = create("disk", {{"label", "b"}, {"machineId", first}});
    const auto c = create("disk", {{"label", "c"}, {"machineId", first}});
    create("disk", {{"label", "nobody's"}});
    EXPECT_EQ(shape(find(including("machine", {"disks"}))), rows({{first, b}, {first, c}, {second, 0}, {third, a}}));
}

STORE_CASE(MapLinksLeadToTheOtherEnd) {
    const auto one = create("machine", {});
    const auto two = create("machine", {});
    const auto red = create("tag", {{"label", "red"}});
    const auto blue = create("tag", {{"label", "blue"}});
    const auto lone = create("tag", {{"label", "lone"}});
    commit({Create{"machineTagMap", {{"machineId", two}, {"tagId", red}}},
            Create{"machineTagMap", {{"machineId", one}, {"tagId", blue}}},
            Create{"machineTagMap", {{"machineId", one}, {"tagId", red}}},
            Create{"machineTagMap", {{"machineId", one}, {"tagId", nullptr}}},
            Create{"machineTagMap", {{"machineId", nullptr}, {"tagId", red}}},
            Create{"machineTagMap", {{"machineId", two}, {"tagId", 987'654}}}});
    EXPECT_EQ(shape(find(including("tag", {"machines"}))), rows({{red, one}, {red, two}, {blue, one}, {lone, 0}}));
    const auto page = find(including("machine", {"tags"}));
    EXPECT_EQ(shape(page), rows({{one, red}, {one, blue}, {two, red}}));
    ASSERT_TRUE(page.rows[0].included[0]);
    EXPECT_EQ((*page.rows[0].included[0])["label"], Value("red"));
}

STORE_CASE(AMapThatLeadsTwiceToOneRecordGivesItTwice) {
    const auto machine = create("machine", {});
    const auto tag = create("tag", {{"label", "t"}});
    commit({Create{"machineTagMap", {{"machineId", machine}, {"tagId", tag}}},
            Create{"machineTagMap", {{"machineId", machine}, {"tagId", tag}}}});
    EXPECT_EQ(shape(find(including("machine", {"tags"}))), rows({{machine, tag}, {machine, tag}}));
}

STORE_CASE(ATypeMayBeLinkedToItself) {
    const auto parent = create("machine", {{"name", "parent"}});
    const auto first = create("machine", {{"name", "first"}, {"parentId", parent}});
    const auto second = create("machine", {{"name", "second"}, {"parentId", parent}});
    const auto self = create("machine", {});
    commit({Update{"machine", self, {{"parentId", self}}}});
    EXPECT_EQ(shape(find(including("machine", {"parent"}))),
              rows({{parent, 0}, {first, parent}, {second, parent}, {self, self}}));
    EXPECT_EQ(shape(find(including("machine", {"machines"}))),
              rows({{parent, first}, {parent, second}, {first, 0}, {second, 0}, {self, self}}));
}

STORE_CASE(SeveralIncludesGiveEveryCombination) {
    const auto team = create("team", {{"name", "red"}});
    const auto machine = create("machine", {{"teamId", team}});
    const auto bare = create("machine", {});
    const auto a = create("disk", {{"machineId", machine}});
    const auto b = create("disk", {{"machineId", machine}});
    const auto x = create("tag", {{"label", "x"}});
    const auto y = create("tag", {{"label", "y"}});
    commit({Create{"machineTagMap", {{"machineId", machine}, {"tagId", y}}},
            Create{"machineTagMap", {{"machineId", machine}, {"tagId", x}}}});
    EXPECT_EQ(shape(find(including("machine", {"disks", "tags", "team"}))), rows({{machine, a, x, team},
                                                                                  {machine, a, y, team},
                                                                                  {machine, b, x, team},
                                                                                  {machine, b, y, team},
                                                                                  {bare, 0, 0, 0}}));
    EXPECT_EQ(shape(find(including("machine", {"tags", "disks"}))),
              rows({{machine, x, a}, {machine, x, b}, {machine, y, a}, {machine, y, b}, {bare, 0, 0}}));
}

STORE_CASE(LimitOffsetAndCountAreOfJoinedRows) {
    const auto first = create("machine", {{"rank", 1}});
    const auto second = create("machine", {{"rank", 1}});
    const auto third = create("machine", {{"rank", 1}});
    create("machine", {{"rank", 2}});
    std::vector<std::int64_t> disks;
    for (int i = 0; i < 3; ++i) disks.push_back(create("disk", {{"machineId", first}}));
    disks.push_back(create("disk", {{"machineId", third}}));
    auto query = including("machine", {"disks"});
    query.where = where("rank", Op::eq, {1});
    query.count = true;
    query.limit = 2;
    auto page = find(query);
    EXPECT_EQ(shape(page), rows({{first, disks[0]}, {first, disks[1]}}));
    EXPECT_TRUE(page.more);
    EXPECT_TRUE(page.next.empty()) << "there is no cursor with includes";
    EXPECT_EQ(page.count, 5u);
    query.offset = 2;
    page = find(query);
    EXPECT_EQ(shape(page), rows({{first, disks[2]}, {second, 0}}));
    EXPECT_TRUE(page.more);
    query.offset = 4;
    page = find(query);
    EXPECT_EQ(shape(page), rows({{third, disks[3]}}));
    EXPECT_FALSE(page.more);
    EXPECT_EQ(page.count, 5u);
}

STORE_CASE(JoinedRowsKeepTheOrderOfTheirRecords) {
    const auto low = create("machine", {{"rank", 1}, {"size", 5}});
    const auto high = create("machine", {{"rank", 9}, {"size", 5}});
    const auto same = create("machine", {{"rank", 9}, {"size", 5}});
    const auto a = create("disk", {{"machineId", same}});
    const auto b = create("disk", {{"machineId", high}});
    const auto c = create("disk", {{"machineId", low}});
    const auto d = create("disk", {{"machineId", high}});
    auto query = including("machine", {"disks"});
    query.sort = {{"rank", true}};
    EXPECT_EQ(shape(find(query)), rows({{high, b}, {high, d}, {same, a}, {low, c}}));
}

STORE_CASE(IncludesFollowChanges) {
    const auto machine = create("machine", {});
    const auto other = create("machine", {});
    const auto disk = create("disk", {{"machineId", machine}});
    commit({Update{"disk", disk, {{"machineId", other}}}});
    EXPECT_EQ(shape(find(including("machine", {"disks"}))), rows({{machine, 0}, {other, disk}}));
    commit({Delete{"disk", disk}});
    EXPECT_EQ(shape(find(including("machine", {"disks"}))), rows({{machine, 0}, {other, 0}}));
}

STORE_CASE(ALargeJoinIsPagedWithoutLossOrRepetition) {
    std::vector<Operation> operations;
    for (int m = 0; m < 20; ++m) {
        const auto machine = operations.size();
        operations.push_back(Create{"machine", {{"rank", m % 3}}});
        for (int d = 0; d < m % 5; ++d) operations.push_back(Create{"disk", {{"machineId", CreatedBy{machine}}}});
    }
    commit(operations);
    auto query = including("machine", {"disks"});
    query.sort = {{"rank", true}};
    query.limit = kLargestPage;
    const auto whole = shape(find(query));
    std::string paged;
    query.limit = 7;
    for (bool more = true; more; query.offset += query.limit) {
        const auto page = find(query);
        if (!paged.empty() && !page.rows.empty()) paged += ' ';
        paged += shape(page);
        more = page.more;
    }
    EXPECT_EQ(paged, whole);
}

}  // namespace
}  // namespace drover::conformance
