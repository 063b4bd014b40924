#include "kernel/home.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drover/test/process.hpp"

namespace drover::core {
namespace {

TEST(Home, ASecondServerIsRefusedByNameOfTheFirst) {
    const test::TemporaryFolder folder;
    {
        const auto first = Home::open(folder / "home", "alpha");
        ASSERT_TRUE(first) << first.error();
        const auto second = Home::open(folder / "home", "beta");
        ASSERT_FALSE(second);
        EXPECT_EQ(second.error().code(), Errc::busy);
        EXPECT_NE(second.error().message().find("server alpha, process " + std::to_string(getpid())), std::string::npos)
            << second.error();
    }
    EXPECT_TRUE(Home::open(folder / "home", "beta")) << "free again once the first has gone";
}

TEST(Home, TheLockEndsWithTheProcessHoweverItEnds) {
    const test::TemporaryFolder folder;
    const auto child = fork();
    if (child == 0) {
        const auto held = Home::open(folder / "home", "child");
        _exit(held ? 0 : 1);  // no destructor runs
    }
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    EXPECT_TRUE(Home::open(folder / "home", "parent"));
}

TEST(Home, IsMadeForItsUserOnly) {
    const test::TemporaryFolder folder;
    ASSERT_TRUE(Home::open(folder / "deep/home", "alpha"));
    struct stat seen {};
    ASSERT_EQ(stat((folder / "deep/home").c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0700U);
}

}  // namespace
}  // namespace drover::core
