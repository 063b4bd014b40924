// Tables follow the declarations: additive changes under running servers, everything else only on purpose.
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

using Ids = std::vector<std::int64_t>;

ResourceType widget(int major, int minor, std::vector<Field> fields) {
    ResourceType type{.name = "widget"};
    type.major = major;
    type.minor = minor;
    type.fields = std::move(fields);
    return type;
}

STORE_CASE(MigratingTwiceDoesNothingTheSecondTime) {
    const auto again = migrate(alice(), store_kit_types());
    ASSERT_TRUE(again) << again.error();
    EXPECT_TRUE(again->steps.empty()) << again->steps.front();
}

STORE_CASE(ADryRunTellsTheStepsAndChangesNothing) {
    const std::vector<ResourceType> first = {widget(1, 0, {text_field("name")})};
    const auto planned = migrate(alice(), first, MigrateMode::dry_run);
    ASSERT_TRUE(planned) << planned.error();
    EXPECT_FALSE(planned->steps.empty());
    EXPECT_FALSE(planned->applied);
    EXPECT_FALSE(attempt({Create{"widget", {{"name", "x"}}}})) << "the dry run made the table";
    const auto done = migrate(alice(), first);
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(done->steps, planned->steps) << "the dry run promised something else";
    EXPECT_TRUE(done->applied);

    const auto id = create("widget", {{"name", "x"}});
    const std::vector<ResourceType> second = {widget(1, 1, {text_field("name").with_index(), integer_field("size")})};
    const auto next = migrate(alice(), second, MigrateMode::dry_run);
    ASSERT_TRUE(next) << next.error();
    EXPECT_FALSE(next->steps.empty());
    const auto refused = attempt({Update{"widget", id, {{"size", 1}}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    EXPECT_EQ(migrate(alice(), second, MigrateMode::dry_run)->steps, next->steps);
}

STORE_CASE(NewTypesStandBesideThoseThatAreKnown) {
    const auto machine = create("machine", {{"name", "old"}});
    ResourceType widget_type = widget(1, 0, {reference_field("machineId", "machine")});
    const auto done = migrate(alice(), {widget_type});
    ASSERT_TRUE(done) << done.error();
    const auto id = create("widget", {{"machineId", machine}});
    EXPECT_EQ(read("machine", machine)["name"], Value("old"));
    Query query{.type = "machine"};
    query.include = {"widgets"};
    const auto page = find(query);
    ASSERT_EQ(page.rows.size(), 1u);
    ASSERT_TRUE(page.rows[0].included.at(0));
    EXPECT_EQ(page.rows[0].included[0]->id(), id);
}

STORE_CASE(AFieldAddedLaterIsNullOrItsFallbackInOldRecords) {
    migrate(alice(), {widget(1, 0, {text_field("name")})}).value();
    const auto id = create("widget", {{"name", "old"}});
    const auto done = migrate(
        alice(), {widget(1, 1,
                         {text_field("name"), integer_field("size"),
                          text_field("state").not_null("new\\%'").with_index(), boolean_field("open").not_null(true),
                          real_field("ratio").not_null(0.25), json_field("data").not_null("{\"a\": 1}"),
                          integer_field("large").not_null(std::numeric_limits<std::int64_t>::min())})});
    ASSERT_TRUE(done) << done.error();
    EXPECT_FALSE(done->steps.empty());
    const auto record = read("widget", id);
    EXPECT_EQ(record["name"], Value("old"));
    EXPECT_TRUE(record["size"].is_null());
    EXPECT_EQ(record["state"], Value("new\\%'"));
    EXPECT_EQ(record["open"], Value(true));
    EXPECT_EQ(record["ratio"], Value(0.25));
    EXPECT_EQ(record["data"], Value("{\"a\": 1}"));
    EXPECT_EQ(record["large"], Value(std::numeric_limits<std::int64_t>::min()));
    EXPECT_EQ(record.id(), id);
    EXPECT_EQ(record.version(), 1) << "adding a field is no update of the records";
    Query query{.type = "widget"};
    query.where = {any("state", Op::eq, {"new\\%'"}), any("open", Op::eq, {true}), any("size", Op::is_null)};
    EXPECT_EQ(ids(query), Ids{id});
    EXPECT_GT(create("widget", {{"size", 5}}), id);
}

STORE_CASE(AnIndexAddedLaterFindsOldRecords) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size")})}).value();
    const auto two = create("widget", {{"name", "b"}, {"size", 2}});
    const auto one = create("widget", {{"name", "a"}, {"size", 1}});
    auto next = widget(1, 1, {text_field("name").with_index(), integer_field("size").is_unique()});
    next.indexes = {{{"name", "size"}, true}};
    ASSERT_TRUE(migrate(alice(), {next}));
    Query query{.type = "widget"};
    query.sort = {{"name", false}};
    EXPECT_EQ(ids(query), (Ids{one, two}));
    query.where = where("size", Op::eq, {2});
    EXPECT_EQ(ids(query), Ids{two});
    const auto twice = attempt({Create{"widget", {{"size", 2}}}});
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().detail("unique"), "true");
}

STORE_CASE(UniquenessIsRefusedWhereRecordsContradictIt) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size")})}).value();
    create("widget", {{"name", "same"}, {"size", 1}});
    const auto second = create("widget", {{"name", "same"}, {"size", 2}});
    const auto refused = migrate(alice(), {widget(1, 1, {text_field("name").is_unique(), integer_field("size")})});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    EXPECT_EQ(read("widget", second)["name"], Value("same"));
    commit({Update{"widget", second, {{"name", "other"}}}});
    const auto mended = migrate(alice(), {widget(1, 1, {text_field("name").is_unique(), integer_field("size")})});
    EXPECT_TRUE(mended) << mended.error();
}

STORE_CASE(TextMayBecomeLonger) {
    migrate(alice(), {widget(1, 0, {text_field("name", 10).with_index()})}).value();
    const auto id = create("widget", {{"name", "0123456789"}});
    ASSERT_TRUE(migrate(alice(), {widget(1, 1, {text_field("name", 300).with_index()})}));
    commit({Update{"widget", id, {{"name", std::string(300, 'x')}}}});
    EXPECT_EQ(read("widget", id)["name"].text().size(), 300u);
}

STORE_CASE(AFieldNoLongerDeclaredKeepsWhatItHeld) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size"), text_field("state").not_null("on")})})
        .value();
    const auto id = create("widget", {{"name", "x"}, {"size", 5}, {"state", "off"}});
    ASSERT_TRUE(migrate(alice(), {widget(1, 1, {text_field("name")})}));
    EXPECT_EQ(read("widget", id).type().fields.size(), 1u);
    EXPECT_TRUE(read("widget", id)["size"].is_null());
    const auto refused = attempt({Update{"widget", id, {{"size", 6}}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    commit({Update{"widget", id, {{"name", "y"}}}});
    const auto later = create("widget", {{"name", "z"}});
    ASSERT_TRUE(migrate(
        alice(), {widget(1, 2, {text_field("name"), integer_field("size"), text_field("state").not_null("on")})}));
    EXPECT_EQ(read("widget", id)["size"], Value(5));
    EXPECT_EQ(read("widget", id)["state"], Value("off"));
    EXPECT_EQ(read("widget", id)["name"], Value("y"));
    EXPECT_EQ(read("widget", later)["state"], Value("on"));
}

STORE_CASE(FieldsMayChangeTheirPlacesInTheDeclaration) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size"), boolean_field("open")})}).value();
    const auto id = create("widget", {{"name", "x"}, {"size", 5}, {"open", true}});
    ASSERT_TRUE(migrate(
        alice(),
        {widget(1, 1, {boolean_field("open"), text_field("extra"), integer_field("size"), text_field("name")})}));
    const auto record = read("widget", id);
    EXPECT_EQ(record["name"], Value("x"));
    EXPECT_EQ(record["size"], Value(5));
    EXPECT_EQ(record["open"], Value(true));
    EXPECT_EQ(record.values().size(), 4u);
}

STORE_CASE(ANewerMinorIsAcceptedAsItIs) {
    const auto newer = widget(
        1, 2,
        {text_field("name").with_index(), integer_field("size").not_null(7), text_field("state").not_null("new")});
    migrate(alice(), {newer}).value();
    const auto id = create("widget", {{"name", "x"}, {"size", 5}});
    const auto older = migrate(bob(), {widget(1, 1, {text_field("name"), text_field("state").not_null("old")})});
    ASSERT_TRUE(older) << older.error();
    EXPECT_TRUE(older->steps.empty()) << older->steps.front();
    // The older server works beside the newer one: what it does not know stays or takes its fallback.
    ASSERT_TRUE(attempt(bob(), {Update{"widget", id, {{"name", "y"}}}}));
    const auto made = attempt(bob(), {Create{"widget", {{"name", "z"}}}});
    ASSERT_TRUE(made) << made.error();
    const auto again = migrate(alice(), {newer});
    ASSERT_TRUE(again) << again.error();
    EXPECT_TRUE(again->steps.empty()) << "the older one took something away: " << again->steps.front();
    EXPECT_EQ(read("widget", id)["size"], Value(5));
    EXPECT_EQ(read("widget", id)["name"], Value("y"));
    EXPECT_EQ(read("widget", made->changed[0].id)["size"], Value(7));
    EXPECT_EQ(read("widget", made->changed[0].id)["state"], Value("old")) << "each server's own fallback";
}

STORE_CASE(ANewerMajorIsRefused) {
    migrate(alice(), {widget(2, 0, {text_field("name")})}).value();
    const auto id = create("widget", {{"name", "x"}});
    for (const auto mode : {MigrateMode::dry_run, MigrateMode::apply}) {
        const auto refused = migrate(bob(), {widget(1, 9, {text_field("name"), integer_field("size")})}, mode);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Errc::unsupported) << refused.error();
        EXPECT_NE(refused.error().message().find("2.0"), std::string::npos) << refused.error();
        EXPECT_NE(refused.error().message().find("1.9"), std::string::npos) << refused.error();
    }
    EXPECT_EQ(read("widget", id)["name"], Value("x"));
    const auto again = migrate(alice(), {widget(2, 0, {text_field("name")})});
    ASSERT_TRUE(again) << again.error();
    EXPECT_TRUE(again->steps.empty()) << again->steps.front();
}

STORE_CASE(WhatIsNotAdditiveNeedsARaisedMajor) {
    const std::vector<Field> before = {text_field("name", 100), integer_field("size"),
                                       text_field("state").not_null("on")};
    migrate(alice(), {widget(1, 0, before)}).value();
    const auto id = create("widget", {{"name", "x"}, {"size", 5}});
    const std::vector<std::vector<Field>> changes = {
        {text_field("name", 50), integer_field("size"), text_field("state").not_null("on")},  // shorter
        {text_field("name", 100).not_null(""), integer_field("size"),
         text_field("state").not_null("on")},                                               // never null
        {text_field("name", 100), integer_field("size"), text_field("state")},              // may be null
        {text_field("name", 100), text_field("size"), text_field("state").not_null("on")},  // another type
        {text_field("name", 100), integer_field("size"), text_field("state").not_null("on"),
         text_field("extra").required()},  // old records have none
    };
    for (const auto& change : changes) {
        const auto refused = migrate(alice(), {widget(1, 1, change)});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
        EXPECT_NE(refused.error().message().find("widget"), std::string::npos) << refused.error();
    }
    EXPECT_EQ(read("widget", id)["size"], Value(5));
    const auto same = migrate(alice(), {widget(1, 0, before)});
    ASSERT_TRUE(same) << same.error();
    EXPECT_TRUE(same->steps.empty()) << "a refused migration left something behind: " << same->steps.front();
}

STORE_CASE(ARaisedMajorMayForbidNull) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size").with_index()})}).value();
    const auto null = create("widget", {{"name", "null"}});
    const auto set = create("widget", {{"name", "set"}, {"size", 5}});
    const auto done =
        migrate(alice(), {widget(2, 0, {text_field("name"), integer_field("size").not_null(3).with_index()})});
    ASSERT_TRUE(done) << done.error();
    EXPECT_EQ(read("widget", null)["size"], Value(3));
    EXPECT_EQ(read("widget", set)["size"], Value(5));
    Query query{.type = "widget"};
    query.where = where("size", Op::eq, {3});
    EXPECT_EQ(ids(query), Ids{null});
    const auto refused = attempt({Update{"widget", set, {{"size", nullptr}}}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    EXPECT_EQ(read("widget", create("widget", {}))["size"], Value(3));
}

STORE_CASE(WhatAFieldHoldsNeverChanges) {
    migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size")})}).value();
    const auto id = create("widget", {{"name", "x"}, {"size", 5}});
    for (auto& fields : std::vector<std::vector<Field>>{{text_field("name"), text_field("size")},
                                                        {integer_field("name"), integer_field("size")},
                                                        {text_field("name"), real_field("size")}}) {
        const auto refused = migrate(alice(), {widget(2, 0, fields)});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    }
    EXPECT_EQ(read("widget", id)["size"], Value(5));
    EXPECT_TRUE(migrate(alice(), {widget(1, 0, {text_field("name"), integer_field("size")})}));
}

STORE_CASE(AWrongDeclarationIsRefusedWithAllThatIsWrong) {
    ResourceType wrong{.name = "Wrong Name"};
    wrong.fields = {text_field("id"), text_field("twice"), text_field("twice"), reference_field("ghostId", "ghost"),
                    text_field("huge", 70'000)};
    const auto refused = migrate(alice(), {wrong});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid) << refused.error();
    for (const auto* word : {"Wrong Name", "id", "twice", "ghost", "huge"})
        EXPECT_NE(refused.error().message().find(word), std::string::npos) << word << ": " << refused.error();
    const auto fine = migrate(alice(), store_kit_types());
    ASSERT_TRUE(fine) << fine.error();
    EXPECT_TRUE(fine->steps.empty());
}

STORE_CASE(AMigrationIsWholeOrNotAtAll) {
    migrate(alice(), {widget(2, 0, {text_field("name")})}).value();
    ResourceType fresh{.name = "fresh"};
    fresh.fields = {text_field("name")};
    const auto refused = migrate(bob(), {fresh, widget(1, 0, {text_field("name")})});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::unsupported) << refused.error();
    const auto planned = migrate(alice(), {fresh}, MigrateMode::dry_run);
    ASSERT_TRUE(planned) << planned.error();
    EXPECT_FALSE(planned->steps.empty()) << "the table was made although the migration was refused";
}

STORE_CASE(ManyServersMayMigrateAtOnce) {
    std::vector<std::function<Async<Result<Migration>>()>> works;
    for (int i = 0; i < 8; ++i) {
        auto& store = i % 2 == 0 ? alice() : bob();
        works.emplace_back([&store, this] {
            return store.migrate({widget(1, 0, {text_field("name").with_index(), integer_field("size")})},
                                 MigrateMode::apply, in(kEnough));
        });
    }
    for (const auto& result : together<Migration>(works)) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(read("widget", create("widget", {{"name", "x"}}))["name"], Value("x"));
}

std::vector<ResourceType> sized_widget(int minor) {
    return {widget(1, minor, {text_field("name"), integer_field("size" + std::to_string(minor))})};
}

STORE_CASE(MigratingGoesOnBesideCommits) {
    auto job = create("job", {});
    std::vector<std::function<Async<Result<Committed>>()>> works;
    for (int i = 0; i < 20; ++i)
        works.emplace_back([this, job, i]() -> Async<Result<Committed>> {
            if (i % 5 == 0) {
                // An older minor may come second: then it finds a newer one.
                auto running = alice().migrate(sized_widget(i / 5), MigrateMode::apply, in(kEnough));
                auto migrated = co_await std::move(running);
                if (!migrated) co_return migrated.error();
                co_return Committed{};
            }
            Batch batch;
            batch.operations = {Update{"job", job, {{"total", i}}}};
            co_return co_await alice().commit(std::move(batch), in(kEnough));
        });
    for (const auto& result : together<Committed>(works)) EXPECT_TRUE(result) << result.error();
    EXPECT_EQ(read("job", job).version(), 17);
}

}  // namespace
}  // namespace drover::conformance
