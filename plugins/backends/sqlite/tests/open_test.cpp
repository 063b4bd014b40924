// What stands on the disk: who may read it, who may use it, and which files are refused.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "drover/test/process.hpp"
#include "running_store.hpp"

namespace drover::sqlite_tests {
namespace {

std::string own_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

mode_t mode_of(const std::filesystem::path& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 07777;
}

/// Runs SQL on a file as another program would.
void run_sql(const std::filesystem::path& file, const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, &message), SQLITE_OK) << (message ? message : "");
    sqlite3_free(message);
    sqlite3_close(database);
}

class SqliteOpen : public testing::Test {
protected:
    std::unique_ptr<RunningStore> start(std::map<std::string, std::string> options = {}) {
        auto running =
            RunningStore::start({.home = home_.path(), .types = workload_types(), .options = std::move(options)});
        EXPECT_TRUE(running) << running.error();
        return running ? std::move(*running) : nullptr;
    }
    Error refused(std::map<std::string, std::string> options = {}) {
        auto running =
            RunningStore::start({.home = home_.path(), .types = workload_types(), .options = std::move(options)});
        EXPECT_FALSE(running) << "it was opened";
        return running ? Error(Errc::internal, "it was opened") : running.error();
    }
    std::filesystem::path file() const { return home_ / "store.db"; }
    test::TemporaryFolder home_;
};

TEST_F(SqliteOpen, OnlyTheOwnerMayReadAnyOfItsFiles) {
    const auto before = umask(0);
    auto running = start();
    ASSERT_TRUE(running);
    ASSERT_TRUE(running->commit({Create{"poison", {}}}));
    umask(before);
    for (const auto* suffix : {"", "-wal", "-shm", ".lock"})
        EXPECT_EQ(mode_of(file().string() + suffix), 0600u) << suffix;
}

TEST_F(SqliteOpen, AFileThatOthersCouldReadIsMadePrivate) {
    start().reset();
    ASSERT_EQ(::chmod(file().c_str(), 0664), 0);
    auto running = start();
    ASSERT_TRUE(running);
    ASSERT_TRUE(running->commit({Create{"poison", {}}}));
    for (const auto* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode_of(file().string() + suffix), 0600u) << suffix;
}

TEST_F(SqliteOpen, ASecondProcessIsRefusedByNameOfTheFirst) {
    test::Process first({.words = {own_folder() + "/sqlite_workload", home_.path().string(), "1", "1"}});
    ASSERT_TRUE(first.wait_for_line("ready")) << first.output();
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::busy) << error;
    EXPECT_NE(error.message().find("process " + std::to_string(first.pid())), std::string::npos) << error;
    EXPECT_FALSE(error.hint().empty());
    first.signal(SIGKILL);
    ASSERT_TRUE(first.wait());
    EXPECT_TRUE(start()) << "the dead keep nothing";
}

TEST_F(SqliteOpen, ASecondInstanceOfTheSameProcessIsRefusedToo) {
    auto first = start();
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::busy) << error;
    EXPECT_NE(error.message().find(std::to_string(getpid())), std::string::npos) << error;
    EXPECT_TRUE(first->commit({Create{"poison", {}}})) << "the first goes on";
    EXPECT_TRUE(start({{"file", "other.db"}})) << "another file is another store";
}

TEST_F(SqliteOpen, ALinkIsNoWayAroundTheClaim) {
    auto first = start();
    const test::TemporaryFolder elsewhere;
    std::filesystem::create_directory_symlink(home_.path(), elsewhere / "link");
    EXPECT_EQ(refused({{"file", (elsewhere / "link/store.db").string()}}).code(), Errc::busy);
    std::filesystem::create_symlink(file(), elsewhere / "store.db");
    EXPECT_EQ(refused({{"file", (elsewhere / "store.db").string()}}).code(), Errc::busy);
}

TEST_F(SqliteOpen, TheFileIsBelowTheHomeUnlessItsPathIsWhole) {
    std::filesystem::create_directory(home_ / "data");
    start({{"file", "data/drover.db"}}).reset();
    EXPECT_TRUE(std::filesystem::exists(home_ / "data/drover.db"));
    const test::TemporaryFolder elsewhere;
    start({{"file", (elsewhere / "whole.db").string()}}).reset();
    EXPECT_TRUE(std::filesystem::exists(elsewhere / "whole.db"));
}

TEST_F(SqliteOpen, AFolderThatIsMissingIsNamed) {
    const auto error = refused({{"file", "no/such/store.db"}});
    EXPECT_EQ(error.code(), Errc::not_found) << error;
    EXPECT_NE(error.message().find("no/such"), std::string::npos) << error;
    EXPECT_FALSE(std::filesystem::exists(home_ / "no"));
}

TEST_F(SqliteOpen, WhatIsNoDatabaseIsRefusedAndLeftAlone) {
    const std::string content = "This is a letter to my aunt, and not a database at all." + std::string(5'000, '.');
    test::write_file(file(), content);
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::unavailable) << error;
    EXPECT_NE(error.message().find("store.db"), std::string::npos) << error;
    EXPECT_FALSE(error.hint().empty());
    EXPECT_EQ(test::read_file(file()), content);
}

TEST_F(SqliteOpen, ADatabaseOfAnotherProgramIsRefusedAndLeftAlone) {
    run_sql(file(), "CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')");
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::invalid) << error;
    EXPECT_NE(error.message().find("not one of Drover's"), std::string::npos) << error;
    run_sql(file(), "INSERT INTO recipes VALUES ('bread')");
}

TEST_F(SqliteOpen, AFileThatWasBegunAndNeverUsedIsAnEmptyStore) {
    test::write_file(file(), "");
    auto running = start();
    ASSERT_TRUE(running);
    EXPECT_TRUE(running->commit({Create{"poison", {}}}));
}

TEST_F(SqliteOpen, ADamagedDatabaseIsRefusedWithASentence) {
    {
        auto running = start();
        std::vector<Operation> cells;
        for (int i = 0; i < 500; ++i)
            cells.push_back(Create{"cell", {{"writer", i}, {"half", 0}, {"filler", std::string(3'000, 'x')}}});
        ASSERT_TRUE(running->commit(cells));
    }
    const auto size = std::filesystem::file_size(file());
    {
        std::fstream damaged(file(), std::ios::in | std::ios::out | std::ios::binary);
        for (std::uintmax_t at = 8'192; at + 4'096 < size; at += 4'096 * 7) {
            damaged.seekp(static_cast<std::streamoff>(at));
            damaged << std::string(2'000, '\xA5');
        }
    }
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::unavailable) << error;
    EXPECT_NE(error.message().find("damaged"), std::string::npos) << error;
    EXPECT_NE(error.hint().find("backup"), std::string::npos) << error;
}

TEST_F(SqliteOpen, ADatabaseThatWasCutShortIsRefused) {
    {
        auto running = start();
        std::vector<Operation> cells;
        for (int i = 0; i < 500; ++i)
            cells.push_back(Create{"cell", {{"writer", i}, {"half", 0}, {"filler", std::string(3'000, 'x')}}});
        ASSERT_TRUE(running->commit(cells));
    }
    std::filesystem::resize_file(file(), std::filesystem::file_size(file()) / 2);
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::unavailable) << error;
    EXPECT_NE(error.message().find("damaged"), std::string::npos) << error;
}

TEST_F(SqliteOpen, ALayoutOfANewerDroverIsRefused) {
    start().reset();
    run_sql(file(), "PRAGMA user_version = 99");
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::unsupported) << error;
    EXPECT_NE(error.message().find("99"), std::string::npos) << error;
}

TEST_F(SqliteOpen, ATypeOfANewerMajorKeepsTheStoreFromStarting) {
    auto types = workload_types();
    types[0].major = 3;
    RunningStore::start({.home = home_.path(), .types = types}).value().reset();
    const auto error = refused();
    EXPECT_EQ(error.code(), Errc::unsupported) << error;
    EXPECT_NE(error.message().find("cell in version 3.0"), std::string::npos) << error;
    EXPECT_FALSE(error.hint().empty());
    EXPECT_TRUE(RunningStore::start({.home = home_.path(), .types = types})) << "the refusal changed something";
}

TEST_F(SqliteOpen, ATypeOfANewerMinorIsAcceptedAsItIs) {
    auto types = workload_types();
    types[0].minor = 4;
    types[0].fields.push_back(text_field("colour").not_null("grey"));
    RunningStore::start({.home = home_.path(), .types = types}).value().reset();
    auto running = start();
    ASSERT_TRUE(running);
    ASSERT_TRUE(running->commit({Create{"cell", {{"writer", 1}, {"half", 0}}}}));
    running.reset();
    running = RunningStore::start({.home = home_.path(), .types = types}).value();
    EXPECT_EQ(running->query(Query{.type = "cell"}).value().rows.at(0).record["colour"], Value("grey"));
}

TEST_F(SqliteOpen, TypesOfTheCompositionAreThereWithoutAskingAndStay) {
    auto running = start();
    ASSERT_TRUE(running->commit({Create{"step", {{"writer", 1}, {"number", 1}}}}, "once"));
    running.reset();
    running = start();
    EXPECT_EQ(running->query(Query{.type = "step"}).value().rows.size(), 1u);
    EXPECT_TRUE(running->outcome("once").value()) << "batch ids outlive the process";
}

TEST_F(SqliteOpen, BatchIdsAreRememberedForAnHourAndThenForgotten) {
    auto running = start();
    const auto first = running->commit({Create{"poison", {}}}, "remembered").value();
    running->clock().shift(59min);
    ASSERT_TRUE(running->commit({Create{"poison", {}}}, "other"));
    EXPECT_EQ(running->outcome("remembered").value(), first);
    EXPECT_EQ(running->commit({Create{"poison", {}}}, "remembered").value(), first);
    running->clock().shift(2min);
    ASSERT_TRUE(running->commit({Create{"poison", {}}}, "later"));
    EXPECT_FALSE(running->outcome("remembered").value()) << "nothing would ever be forgotten";
    EXPECT_TRUE(running->outcome("other").value());
}

TEST_F(SqliteOpen, TheLogStaysBoundedUnderManyCommits) {
    constexpr std::uintmax_t kBound = 48 * 1024 * 1024;
    auto running = start();
    std::vector<Operation> cells;
    for (int i = 0; i < 1'000; ++i)
        cells.push_back(Create{"cell", {{"writer", i}, {"half", 0}, {"filler", std::string(4'000, 'x')}}});
    std::uintmax_t largest = 0;
    for (int round = 0; round < 25; ++round) {  // 100 MB
        for (auto& operation : cells) std::get<Create>(operation).values[1].second = Value(round);
        ASSERT_TRUE(running->commit(cells));
        largest = std::max(largest, std::filesystem::file_size(file().string() + "-wal"));
    }
    EXPECT_LT(largest, kBound);
}

TEST_F(SqliteOpen, AnOrderlyEndLeavesOneFileThatCanBeCopied) {
    auto running = start();
    ASSERT_TRUE(running->commit({Create{"step", {{"writer", 1}, {"number", 1}}}}));
    running.reset();
    EXPECT_FALSE(std::filesystem::exists(file().string() + "-wal"));
    const test::TemporaryFolder elsewhere;
    std::filesystem::copy_file(file(), elsewhere / "store.db");
    auto copy = RunningStore::start({.home = elsewhere.path(), .types = workload_types()}).value();
    EXPECT_EQ(copy->query(Query{.type = "step"}).value().rows.size(), 1u);
}

}  // namespace
}  // namespace drover::sqlite_tests
