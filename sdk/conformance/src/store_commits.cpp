// All of a batch or nothing of it: expectations, uniqueness, references inside it.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Ids = std::vector<std::int64_t>;

STORE_CASE(ABatchHappensAsAWhole) {
    const auto kept = create("machine", {{"name", "kept"}, {"size", 1}});
    const auto gone = create("machine", {{"name", "gone"}});
    const auto done = commit({Update{"machine", kept, {{"size", 2}}}, Delete{"machine", gone},
                              Create{"tag", {{"label", "new"}}}, Check{"machine", kept, {{"size", 2}}}});
    ASSERT_EQ(done.changed.size(), 4u);
    EXPECT_EQ(done.changed[0], (Changed{kept, 2}));
    EXPECT_EQ(done.changed[1], (Changed{gone, 0}));
    EXPECT_EQ(done.changed[2].version, 1);
    EXPECT_EQ(done.changed[3], (Changed{kept, 2}));
    EXPECT_EQ(read("machine", kept)["size"], Value(2));
    EXPECT_EQ(read("tag", done.changed[2].id)["label"], Value("new"));
    EXPECT_EQ(machines({}), Ids{kept});
}

STORE_CASE(AFailedBatchLeavesNothingBehind) {
    const auto id = create("machine", {{"name", "one"}, {"size", 1}, {"state", "on"}, {"uuid", "u1"}});
    const auto doomed = create("machine", {{"uuid", "u2"}});
    const std::vector<Operation> good = {Create{"machine", {{"name", "new"}, {"uuid", "u3"}}},
                                         Update{"machine", id, {{"size", 2}, {"state", "off"}, {"uuid", "u4"}}},
                                         Update{"machine", id, {{"size", 3}, {"state", "gone"}, {"uuid", "u5"}}},
                                         Delete{"machine", doomed}, Create{"tag", {{"label", "t"}}}};
    const std::vector<Operation> bad = {
        Check{"machine", id, {{"name", "two"}}},
        Update{"machine", 999'999, {{"size", 1}}},
        Create{"machine", {{"uuid", "u5"}}},
        Update{"machine", id, {}, {}, 1},
        Delete{"machine", doomed},
    };
    for (const auto& failing : bad) {
        auto operations = good;
        operations.push_back(failing);
        const auto answered = attempt(operations);
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().detail("operation"), "5") << answered.error();
        const auto record = read("machine", id);
        EXPECT_EQ(record["size"], Value(1));
        EXPECT_EQ(record.version(), 1);
        EXPECT_EQ(machines({}), (Ids{id, doomed}));
        EXPECT_EQ(machines(where("state", Op::eq, {"on"})), Ids{id});
        EXPECT_EQ(machines(where("uuid", Op::in, {"u1", "u2", "u3", "u4", "u5"})), (Ids{id, doomed}));
        EXPECT_TRUE(ids(Query{.type = "tag"}).empty());
    }
    // What the failed ones held is free.
    EXPECT_TRUE(attempt(good));
}

STORE_CASE(AnExpectationThatHoldsLetsTheBatchHappen) {
    const auto id = create("machine", {{"name", "a"},
                                       {"size", 3},
                                       {"ratio", 0.1},
                                       {"running", true},
                                       {"data", "{ }"},
                                       {"created", 5},
                                       {"teamId", 9}});
    const std::vector<Expectation> all = {{"name", "a"},     {"size", 3},       {"ratio", 0.1},
                                          {"running", true}, {"data", "{ }"},   {"created", 5},
                                          {"teamId", 9},     {"note", nullptr}, {"state", "requested"}};
    EXPECT_TRUE(attempt({Check{"machine", id, all, 1}}));
    EXPECT_TRUE(attempt({Update{"machine", id, {{"size", 4}}, all, 1}}));
    EXPECT_TRUE(attempt({Delete{"machine", id, {{"size", 4}}, 2}}));
}

STORE_CASE(AFailedExpectationIsAConflictThatNamesIt) {
    const auto id = create("machine", {{"name", "a"}, {"size", 3}});
    const auto answered =
        attempt({Create{"tag", {{"label", "t"}}}, Update{"machine", id, {{"size", 4}}, {{"name", "a"}, {"size", 5}}}});
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().code(), Errc::conflict) << answered.error();
    EXPECT_EQ(answered.error().detail("operation"), "1");
    EXPECT_EQ(answered.error().detail("field"), "size");
    EXPECT_EQ(answered.error().detail("seen"), "3");
    EXPECT_EQ(answered.error().detail("unique"), "");
}

STORE_CASE(ExpectationsCompareByteByByteAndNullWithNull) {
    const auto id = create("machine", {{"name", "abc"}, {"state", "on"}});
    const auto fails = [&](Expectation expectation) {
        const auto said = expectation.field + " expected " + expectation.value.describe();
        for (const bool check : {true, false}) {
            std::vector<Operation> operations;
            if (check) operations.push_back(Check{"machine", id, {expectation}});
            else operations.push_back(Update{"machine", id, {}, {expectation}});
            const auto answered = attempt(operations);
            ASSERT_FALSE(answered) << said;
            EXPECT_EQ(answered.error().code(), Errc::conflict) << said;
        }
    };
    fails({"name", "ABC"});
    fails({"name", "abc "});
    fails({"name",
           "\xC3\xA1"
           "bc"});
    fails({"name", nullptr});
    fails({"state", "ON"});
    fails({"state", "on "});
    fails({"size", 0});
    fails({"note", ""});
    fails({"running", false});
    EXPECT_EQ(read("machine", id).version(), 1);
    EXPECT_TRUE(attempt({Check{"machine", id, {{"size", nullptr}, {"note", nullptr}, {"running", nullptr}}}}));
}

STORE_CASE(AnExpectedVersionMustBeTheRecords) {
    const auto id = create("machine", {{"size", 1}});
    commit({Update{"machine", id, {{"size", 2}}}});
    for (const std::int64_t wrong : {0, 1, 3}) {
        const auto answered = attempt({Update{"machine", id, {{"size", 3}}, {}, wrong}});
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().code(), Errc::conflict) << answered.error();
        EXPECT_EQ(answered.error().detail("field"), "version");
        EXPECT_EQ(answered.error().detail("seen"), "2");
        EXPECT_FALSE(attempt({Check{"machine", id, {}, wrong}}));
        EXPECT_FALSE(attempt({Delete{"machine", id, {}, wrong}}));
    }
    EXPECT_TRUE(attempt({Update{"machine", id, {{"size", 3}}, {}, 2}}));
}

STORE_CASE(WhatIsGoneIsNotFoundByItsOperation) {
    const auto id = create("machine", {});
    commit({Delete{"machine", id}});
    for (const Operation& operation :
         std::vector<Operation>{Update{"machine", id, {{"size", 1}}}, Delete{"machine", id}, Check{"machine", id},
                                Update{"machine", -1, {}}, Update{"machine", id, {}, {{"size", 1}}, 1}}) {
        const auto answered = attempt({Create{"tag", {{"label", "t"}}}, operation});
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().code(), Errc::not_found) << answered.error();
        EXPECT_EQ(answered.error().detail("operation"), "1");
    }
}

STORE_CASE(ADeletedRecordIsGone) {
    const auto id = create("machine", {{"uuid", "u"}});
    EXPECT_EQ(commit({Delete{"machine", id}}).changed[0], (Changed{id, 0}));
    const auto found = run(alice().get("machine", id, Consistency::primary(), in(kEnough)));
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), Errc::not_found);
    EXPECT_GT(create("machine", {{"uuid", "u"}}), id);
}

STORE_CASE(ACheckChangesNothing) {
    const auto id = create("machine", {{"size", 1}});
    EXPECT_EQ(commit({Check{"machine", id, {{"size", 1}}, 1}}).changed[0], (Changed{id, 1}));
    EXPECT_EQ(read("machine", id).version(), 1);
}

STORE_CASE(RecordsOfOneBatchMayReferToEachOther) {
    const auto done =
        commit({Create{"team", {{"name", "red"}}}, Create{"machine", {{"teamId", CreatedBy{0}}}},
                Create{"machine", {{"teamId", CreatedBy{0}}, {"parentId", CreatedBy{1}}, {"size", CreatedBy{1}}}},
                Create{"disk", {{"machineId", CreatedBy{2}}}}});
    const auto [team, first, second, disk] =
        std::tuple(done.changed[0].id, done.changed[1].id, done.changed[2].id, done.changed[3].id);
    EXPECT_EQ(read("machine", first)["teamId"], Value(team));
    EXPECT_EQ(read("machine", second)["parentId"], Value(first));
    EXPECT_EQ(read("machine", second)["size"], Value(first));
    EXPECT_EQ(read("disk", disk)["machineId"], Value(second));
    const auto linked =
        commit({Create{"team", {{"name", "blue"}}}, Update{"machine", first, {{"teamId", CreatedBy{0}}}}});
    EXPECT_EQ(read("machine", first)["teamId"], Value(linked.changed[0].id));
}

STORE_CASE(OperationsSeeWhatThoseBeforeThemDid) {
    const auto id = create("machine", {{"size", 1}, {"uuid", "u"}});
    const auto done = commit(
        {Update{"machine", id, {{"size", 2}}, {{"size", 1}}, 1}, Update{"machine", id, {{"size", 3}}, {{"size", 2}}, 2},
         Check{"machine", id, {{"size", 3}}}, Delete{"machine", id, {}, 3}, Create{"machine", {{"uuid", "u"}}}});
    EXPECT_EQ(done.changed[0], (Changed{id, 2}));
    EXPECT_EQ(done.changed[1], (Changed{id, 3}));
    EXPECT_EQ(done.changed[2], (Changed{id, 3}));
    EXPECT_EQ(machines(where("uuid", Op::eq, {"u"})), Ids{done.changed[4].id});
    const auto again = attempt({Delete{"machine", done.changed[4].id}, Update{"machine", done.changed[4].id, {}}});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code(), Errc::not_found);
    EXPECT_EQ(again.error().detail("operation"), "1");
}

STORE_CASE(TheFirstFailureIsTheOneReported) {
    const auto id = create("machine", {{"size", 1}, {"uuid", "u"}});
    const auto answered = attempt({Check{"machine", id, {{"size", 1}}}, Create{"machine", {{"uuid", "u"}}},
                                   Check{"machine", id, {{"size", 2}}}, Update{"machine", 987'654, {}}});
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().detail("operation"), "1") << answered.error();
    EXPECT_EQ(answered.error().detail("unique"), "true") << answered.error();
}

STORE_CASE(AUniqueValueIsHeldByOneRecord) {
    const auto first = create("machine", {{"uuid", "u1"}});
    const auto second = create("machine", {{"uuid", "u2"}});
    for (const auto& operation :
         std::vector<Operation>{Create{"machine", {{"uuid", "u1"}}}, Update{"machine", second, {{"uuid", "u1"}}}}) {
        const auto answered = attempt({Create{"tag", {{"label", "t"}}}, operation});
        ASSERT_FALSE(answered);
        EXPECT_EQ(answered.error().code(), Errc::conflict) << answered.error();
        EXPECT_EQ(answered.error().detail("field"), "uuid");
        EXPECT_EQ(answered.error().detail("unique"), "true");
        EXPECT_EQ(answered.error().detail("operation"), "1");
    }
    EXPECT_TRUE(attempt({Update{"machine", first, {{"uuid", "u1"}}}})) << "it may keep its own value";
    EXPECT_TRUE(attempt({Update{"machine", first, {{"uuid", "u3"}}}, Update{"machine", second, {{"uuid", "u1"}}}}));
    EXPECT_TRUE(attempt({Delete{"machine", second}, Create{"machine", {{"uuid", "u1"}}}}));
}

STORE_CASE(UniquenessHoldsAfterEveryOperation) {
    create("machine", {{"uuid", "u1"}});
    const auto second = create("machine", {{"uuid", "u2"}});
    const auto answered = attempt({Create{"machine", {{"uuid", "u2"}}}, Delete{"machine", second}});
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().detail("operation"), "0");
}

STORE_CASE(UniquenessIsByBytesAndLeavesNullAlone) {
    for (const auto* uuid : {"abc", "ABC", "abc ", " abc",
                             "\xC3\xA1"
                             "bc",
                             ""})
        create("machine", {{"uuid", uuid}});
    for (int i = 0; i < 3; ++i) create("machine", {{"uuid", nullptr}});
    EXPECT_EQ(machines({}).size(), 9u);
    EXPECT_FALSE(attempt({Create{"machine", {{"uuid", ""}}}}));
    EXPECT_FALSE(attempt({Create{"machine", {{"uuid", "abc "}}}}));
}

STORE_CASE(AUniqueIndexOfTwoFieldsCountsBoth) {
    const auto machine = create("machine", {});
    const auto other = create("machine", {});
    create("disk", {{"machineId", machine}, {"slot", 1}});
    create("disk", {{"machineId", machine}, {"slot", 2}});
    create("disk", {{"machineId", other}, {"slot", 1}});
    for (int i = 0; i < 2; ++i) {
        create("disk", {{"machineId", machine}});
        create("disk", {{"slot", 1}});
    }
    const auto answered = attempt({Create{"disk", {{"machineId", other}, {"slot", 1}}}});
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().code(), Errc::conflict) << answered.error();
    EXPECT_EQ(answered.error().detail("field"), "machineId,slot");
    EXPECT_EQ(answered.error().detail("unique"), "true");
}

STORE_CASE(WrongBatchesAreInvalidAndNameTheOperationAndTheField) {
    const auto id = create("machine", {});
    const auto refused = [&](Operation operation, std::string_view field) {
        const auto answered = attempt({Check{"machine", id}, std::move(operation)});
        ASSERT_FALSE(answered) << field;
        EXPECT_EQ(answered.error().code(), Errc::invalid) << answered.error();
        EXPECT_EQ(answered.error().detail("operation"), "1") << answered.error();
        EXPECT_EQ(answered.error().detail("field"), field) << answered.error();
    };
    refused(Create{"machin", {}}, "");
    refused(Create{"machine", {{"nam", "x"}}}, "nam");
    refused(Create{"machine", {{"id", 7}}}, "id");
    refused(Update{"machine", id, {{"version", 7}}}, "version");
    refused(Create{"machine", {{"size", "7"}}}, "size");
    refused(Create{"machine", {{"size", 7.0}}}, "size");
    refused(Create{"machine", {{"ratio", 7}}}, "ratio");
    refused(Create{"machine", {{"ratio", std::numeric_limits<double>::quiet_NaN()}}}, "ratio");
    refused(Create{"machine", {{"ratio", std::numeric_limits<double>::infinity()}}}, "ratio");
    refused(Create{"machine", {{"running", 1}}}, "running");
    refused(Create{"machine", {{"name", std::string(256, 'x')}}}, "name");
    refused(Update{"machine", id, {{"note", std::string(65'536, 'x')}}}, "note");
    refused(Create{"machine", {{"name", "\xC3"}}}, "name");
    refused(Create{"machine", {{"name", "\xED\xA0\x80"}}}, "name");
    refused(Create{"machine", {{"name", "a"}, {"name", "b"}}}, "name");
    refused(Create{"machine", {{"state", nullptr}}}, "state");
    refused(Update{"machine", id, {{"state", nullptr}}}, "state");
    refused(Create{"tag", {}}, "label");
    refused(Update{"machine", id, {}, {{"siz", 1}}}, "siz");
    refused(Check{"machine", id, {{"size", "1"}}}, "size");
    refused(Create{"machine", {{"teamId", CreatedBy{0}}}}, "teamId");
    refused(Create{"machine", {{"teamId", CreatedBy{1}}}}, "teamId");
    refused(Create{"machine", {{"name", CreatedBy{0}}}}, "name");
    EXPECT_EQ(machines({}), Ids{id});
    EXPECT_EQ(read("machine", id).version(), 1);
}

STORE_CASE(AReferenceToARecordOfAnotherTypeIsInvalid) {
    const auto answered = attempt({Create{"tag", {{"label", "t"}}}, Create{"machine", {{"teamId", CreatedBy{0}}}}});
    ASSERT_FALSE(answered);
    EXPECT_EQ(answered.error().code(), Errc::invalid) << answered.error();
    EXPECT_EQ(answered.error().detail("field"), "teamId");
}

STORE_CASE(AThousandOperationsAreOneBatchAndOneMoreIsRefused) {
    std::vector<Operation> operations;
    for (int i = 0; i < 1'000; ++i) operations.push_back(Create{"machine", {{"size", i}}});
    const auto done = commit(operations);
    ASSERT_EQ(done.changed.size(), 1'000u);
    for (std::size_t i = 0; i < 1'000; i += 111)
        EXPECT_EQ(read("machine", done.changed[i].id)["size"], Value(static_cast<std::int64_t>(i)));
    operations.push_back(Create{"machine", {}});
    const auto refused = attempt(operations);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    EXPECT_EQ(machines({}).size(), 1'000u);
}

STORE_CASE(ABatchMayHoldSixteenMegabytesAndNoMore) {
    const std::string note(65'535, 'm');
    std::vector<Operation> operations;
    while ((operations.size() + 1) * note.size() <= kLargestBatch)
        operations.push_back(Create{"machine", {{"note", note}}});
    const auto done = commit(operations);
    EXPECT_EQ(read("machine", done.changed.back().id)["note"].text().size(), note.size());
    operations.push_back(Create{"machine", {{"note", note}}});
    const auto refused = attempt(operations);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
}

STORE_CASE(AnEmptyBatchHappens) {
    const auto done = commit({});
    EXPECT_TRUE(done.changed.empty());
    EXPECT_FALSE(done.position.text.empty());
}

}  // namespace
}  // namespace drover::conformance
