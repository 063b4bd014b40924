#include <gtest/gtest.h>

#include "drover/test/process.hpp"

// What `drover plugin new` and `drover plugin test` answer to mistakes.
namespace drover {
namespace {

struct PluginCommand : testing::Test {
    test::Finished drover(std::vector<std::string> words) {
        words.insert(words.begin(), {test::drover_program().string(), "plugin"});
        return test::run({.words = std::move(words), .folder = folder.path()});
    }
    void expect_refused(std::vector<std::string> words, const std::vector<std::string>& says) {
        const auto refused = drover(std::move(words));
        EXPECT_EQ(refused.ending, (test::Ending{1, 0})) << refused.output;
        for (const auto& text : says)
            EXPECT_NE(refused.output.find(text), std::string::npos) << text << " is not in: " << refused.output;
    }
    test::TemporaryFolder folder;
};

TEST_F(PluginCommand, NewRefusesAnIdThatIsNone) {
    for (const std::string id : {"locks", "com.Example.locks", "com..locks", "com.example.", ".com.example", "com.1st",
                                 "com.example.a_b", "com.example.a-", "com.ex ample.a",
                                 "com.example.far-too-long-for-the-note-that-every-plugin-library-carries"})
        expect_refused({"new", id, "--provides", "lock"}, {'"' + id + '"', "joined by dots", "com.example.locks"});
    expect_refused({"new", "com.example.test", "--provides", "lock"}, {"\"test\"", "another last word"});
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(PluginCommand, NewRefusesAServiceThatIsNoneWithTheNearest) {
    expect_refused({"new", "com.example.a", "--provides", "evnts"},
                   {"evnts", "lock, events, store, membership, http", "Did you mean events?"});
    EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST_F(PluginCommand, NewTouchesNothingThatExists) {
    test::write_file(folder / "locks/mine.txt", "mine");
    expect_refused({"new", "com.example.locks", "--provides", "lock"}, {"locks exists already", "--output"});
    EXPECT_EQ(test::read_file(folder / "locks/mine.txt"), "mine");
    EXPECT_FALSE(std::filesystem::exists(folder / "locks/plugin.cpp"));
}

TEST_F(PluginCommand, NewMakesAFolderInWhichNoPlaceholderIsLeft) {
    const auto made = drover({"new", "com.example.my-locks", "--provides", "drover.lock"});
    ASSERT_TRUE(made.ok()) << made.output;
    int files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "my-locks")) {
        if (!entry.is_regular_file()) continue;
        ++files;
        const auto content = test::read_file(entry.path());
        EXPECT_EQ(content.find('@'), std::string::npos) << entry.path() << ":\n" << content;
        EXPECT_NE(made.output.find(entry.path().lexically_relative(folder / "my-locks").string()), std::string::npos)
            << entry.path() << " was not told of";
    }
    EXPECT_EQ(files, 6);
    EXPECT_NE(made.output.find("- Token grows with every lease\n"), std::string::npos) << made.output;
}

TEST_F(PluginCommand, TestRefusesFilesOptionsAndFiltersThatAreWrong) {
    const auto memory = std::string(DROVER_BUILD_DIR) + "/lib/drover/plugins/memory.so";
    expect_refused({"test", "nowhere.so"}, {"nowhere.so", "cannot be opened"});
    expect_refused({"test", memory, "wrld={world}"}, {"wrld", "Did you mean world?", "drover plugin inspect"});
    expect_refused({"test", memory, "session-ttl=soon"}, {"session-ttl", "soon"});
    expect_refused({"test", memory, "--gtest_filter=NoSuchCase"}, {"no case was run", "--gtest_filter"});
    const auto misspelt = drover({"test", memory, "world"});
    EXPECT_EQ(misspelt.ending, (test::Ending{2, 0})) << misspelt.output;
    EXPECT_NE(misspelt.output.find("OPTION=VALUE"), std::string::npos) << misspelt.output;
}

TEST_F(PluginCommand, TestRunsTheKitsOfAllThatAPluginProvides) {
    const auto memory = std::string(DROVER_BUILD_DIR) + "/lib/drover/plugins/memory.so";
    const auto listed = drover({"test", memory, "--gtest_list_tests"});
    EXPECT_TRUE(listed.ok()) << listed.output;
    for (const auto* kit : {"Lock/memory.", "EventBus/memory.", "Membership/memory.", "Store/memory."})
        EXPECT_NE(listed.output.find(kit), std::string::npos) << kit << " is not in: " << listed.output;
    const auto tested = drover({"test", memory, "world={world}", "--gtest_filter=Lock*ReleasingTwiceHarmsNobody"});
    EXPECT_TRUE(tested.ok()) << tested.output;
    EXPECT_NE(tested.output.find("1 passed, 0 failed, 0 skipped"), std::string::npos) << tested.output;
}

}  // namespace
}  // namespace drover
