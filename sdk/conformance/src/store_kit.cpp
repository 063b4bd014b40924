#include "drover/conformance/store_kit.hpp"

#include <unistd.h>

#include <atomic>

#include "drover/conformance/waiting.hpp"

namespace drover::conformance {

std::vector<Case>& store_cases() {
    static std::vector<Case> cases;
    return cases;
}

std::vector<ResourceType> store_kit_types() {
    ResourceType team{.name = "team"};
    team.fields = {text_field("name").required().is_unique(), text_field("kind").with_index()};

    ResourceType machine{.name = "machine"};
    machine.fields = {
        text_field("name"),
        text_field("uuid", 128).is_unique(),
        text_field("state", 128).not_null("requested").with_index(),
        integer_field("size"),
        integer_field("rank").with_index(),
        real_field("ratio"),
        boolean_field("running"),
        date_field("created").with_index(),
        json_field("data"),
        text_field("note", 65'535),
        reference_field("teamId", "team"),
        reference_field("parentId", "machine"),
    };
    machine.indexes = {{{"state", "rank"}, false}};

    ResourceType disk{.name = "disk"};
    disk.fields = {text_field("label"), integer_field("slot"), reference_field("machineId", "machine")};
    disk.indexes = {{{"machineId", "slot"}, true}};

    ResourceType tag{.name = "tag"};
    tag.fields = {text_field("label").required()};

    ResourceType map{.name = "machineTagMap"};
    map.fields = {reference_field("machineId", "machine"), reference_field("tagId", "tag"), text_field("note")};

    ResourceType job{.name = "job"};
    job.fields = {
        text_field("state", 64).not_null("pending").with_index(),
        integer_field("epoch").not_null(0),
        text_field("owner", 128),
        integer_field("total").not_null(0),
    };
    return {team, machine, disk, tag, map, job};
}

void StoreKit::SetUp() {
    KitCase::SetUp();
    migrated_.clear();
    auto& store = alice();
    migrate(store, store_kit_types()).value();
    migrated_.insert("alice");
}

Store& StoreKit::bob() {
    auto& store = backend().open<Store>(bob_name());
    if (migrated_.insert(bob_name()).second) migrate(store, store_kit_types()).value();
    return store;
}

bool StoreKit::promises(const std::string& trait) {
    const auto traits = backend().traits(Store::kId);
    const auto found = traits.find(trait);
    return found != traits.end() && found->second == "true";
}

void StoreKit::reopen() {
    backend().close("alice");
    migrate(alice(), store_kit_types()).value();
}

Result<Migration> StoreKit::migrate(Store& store, std::vector<ResourceType> types, MigrateMode mode) {
    return run(store.migrate(std::move(types), mode, in(kEnough)));
}

Committed StoreKit::commit(std::vector<Operation> operations) {
    return attempt(alice(), std::move(operations)).value();
}

std::int64_t StoreKit::create(std::string type, Assignments values) {
    return commit({Create{std::move(type), std::move(values)}}).changed.at(0).id;
}

Record StoreKit::read(std::string type, std::int64_t id) {
    return run(alice().get(std::move(type), id, Consistency::primary(), in(kEnough))).value();
}

Page StoreKit::find(Query query) {
    return run(alice().query(std::move(query), Consistency::primary(), in(kEnough))).value();
}

std::vector<std::int64_t> StoreKit::ids(Query query) {
    std::vector<std::int64_t> found;
    for (const auto& row : find(std::move(query)).rows) found.push_back(row.record.id());
    return found;
}

std::vector<std::int64_t> StoreKit::machines(std::vector<AnyOf> where) {
    Query query{.type = "machine"};
    query.where = std::move(where);
    query.limit = kLargestPage;
    return ids(std::move(query));
}

Result<Committed> StoreKit::attempt(Store& store, std::vector<Operation> operations, std::string batch_id) {
    return run(store.commit(Batch{std::move(batch_id), std::move(operations)}, in(kEnough)));
}

Result<std::optional<Committed>> StoreKit::outcome(std::string batch_id) {
    return run(alice().outcome(std::move(batch_id), in(kEnough)));
}

std::vector<std::int64_t> StoreKit::walk(Query query) {
    constexpr int kMostPages = 10'000;
    std::vector<std::int64_t> found;
    for (int pages = 0; pages < kMostPages; ++pages) {
        const auto page = find(query);
        for (const auto& row : page.rows) found.push_back(row.record.id());
        EXPECT_EQ(page.more, !page.next.empty());
        if (page.next.empty()) return found;
        query.cursor = page.next;
    }
    ADD_FAILURE() << "the cursors never came to an end";
    return found;
}

std::string StoreKit::unique_name(std::string_view what) {
    static std::atomic<int> next{1};
    return std::string(what) + "-" + std::to_string(getpid()) + "-" + std::to_string(next++);
}

std::mt19937_64 StoreKit::seeded() { return std::mt19937_64(case_seed()); }

}  // namespace drover::conformance
