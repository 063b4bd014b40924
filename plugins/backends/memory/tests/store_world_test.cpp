// Worlds: which instances of the plugin see each other's records.
#include <gtest/gtest.h>

#include "drover/services/store.hpp"
#include "drover/task_group.hpp"
#include "memory_backend.hpp"

namespace drover::memory {
namespace {

using namespace std::chrono_literals;

struct PrivateBackend : MemoryBackend {
    conformance::Options options(std::string_view) override { return {{"session-ttl", "800ms"}}; }
};

std::vector<ResourceType> note_type() {
    ResourceType note{.name = "note"};
    note.fields = {text_field("text")};
    return {note};
}

class StoreWorldTest : public testing::Test {
protected:
    template <class T>
    static T run(conformance::Backend& backend, Async<Result<T>> work) {
        return std::move(block_on(backend.executor(), std::move(work), 20s).value());
    }
    static Store& open(conformance::Backend& backend, std::string_view owner) {
        auto& store = backend.open<Store>(owner);
        run(backend, store.migrate(note_type(), MigrateMode::apply, Deadline::never()));
        return store;
    }
    static std::int64_t write(conformance::Backend& backend, Store& store, std::string text) {
        Batch batch;
        batch.operations = {Create{"note", {{"text", std::move(text)}}}};
        return run(backend, store.commit(std::move(batch), Deadline::never())).changed.at(0).id;
    }
    static std::size_t count(conformance::Backend& backend, Store& store) {
        return run(backend, store.query(Query{.type = "note"}, Consistency::primary(), Deadline::never())).rows.size();
    }
};

TEST_F(StoreWorldTest, InstancesOfOneWorldShareTheirRecords) {
    MemoryBackend backend;
    auto& alice = open(backend, "alice");
    auto& bob = open(backend, "bob");
    const auto id = write(backend, alice, "from alice");
    const auto seen = run(backend, bob.get("note", id, Consistency::primary(), Deadline::never()));
    EXPECT_EQ(seen["text"], Value("from alice"));
    EXPECT_GT(write(backend, bob, "from bob"), id);
    EXPECT_EQ(count(backend, alice), 2u);
}

TEST_F(StoreWorldTest, RecordsLiveAsLongAsOneInstanceOfTheirWorld) {
    MemoryBackend backend;
    auto& alice = open(backend, "alice");
    auto& bob = open(backend, "bob");
    write(backend, alice, "kept");
    backend.close("alice");
    EXPECT_EQ(count(backend, bob), 1u);
    EXPECT_EQ(count(backend, open(backend, "alice")), 1u);
    backend.close("alice");
    backend.close("bob");
    EXPECT_EQ(count(backend, open(backend, "alice")), 0u);
}

TEST_F(StoreWorldTest, InstancesWithoutAWorldKeepTheirRecordsToThemselves) {
    PrivateBackend backend;
    auto& alice = open(backend, "alice");
    auto& bob = open(backend, "bob");
    write(backend, alice, "alice's own");
    EXPECT_EQ(count(backend, alice), 1u);
    EXPECT_EQ(count(backend, bob), 0u);
}

TEST_F(StoreWorldTest, APositionOfAnotherWorldIsInvalid) {
    PrivateBackend backend;
    auto& alice = open(backend, "alice");
    auto& bob = open(backend, "bob");
    write(backend, alice, "x");
    const auto position = run(backend, alice.position(Deadline::never()));
    const auto read = block_on(
        backend.executor(), bob.query(Query{.type = "note"}, Consistency::at_least(position), Deadline::never()), 20s);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Errc::invalid) << read.error();
}

TEST_F(StoreWorldTest, AnInstanceKnowsTheTypesItDeclared) {
    MemoryBackend backend;
    auto& alice = open(backend, "alice");
    auto& bob = backend.open<Store>("bob");
    write(backend, alice, "x");
    const auto unknown =
        block_on(backend.executor(), bob.query(Query{.type = "note"}, Consistency::primary(), Deadline::never()), 20s);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code(), Errc::invalid) << unknown.error();
}

}  // namespace
}  // namespace drover::memory
