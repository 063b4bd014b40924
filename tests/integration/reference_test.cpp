// What is written once and read by people must stay true: the reference of every option, the files in config/.
#include <gtest/gtest.h>

#include "drover/test/process.hpp"

namespace drover::test {
namespace {

const std::filesystem::path& source() {
    static const std::filesystem::path folder(DROVER_SOURCE_DIR);
    return folder;
}

/// The tree's own plugins, without what tests built beside them.
DroverTree& own_tree() {
    static auto* const tree = [] {
        auto* made = new DroverTree;
        for (const auto& list_file : std::filesystem::recursive_directory_iterator(source() / "plugins")) {
            if (list_file.path().filename() != "CMakeLists.txt") continue;
            const auto name = list_file.path().parent_path().filename().string();
            if (read_file(list_file.path()).find("drover_add_plugin(" + name) != std::string::npos) made->add_own(name);
        }
        return made;
    }();
    return *tree;
}

TEST(Reference, IsUpToDate) {
    const auto compared =
        own_tree().drover({"config", "reference", "--check", "--output", (source() / "config/reference").string()});
    EXPECT_TRUE(compared.ok()) << compared.output;
}

TEST(Reference, AStaleFolderIsNamedFileByFile) {
    const TemporaryFolder folder;
    write_file(folder / "kernel.md", "old");
    write_file(folder / "drover.gone.md", "old");
    const auto compared = own_tree().drover({"config", "reference", "--check", "--output", folder.path().string()});
    EXPECT_EQ(compared.ending, (Ending{1, 0}));
    EXPECT_NE(compared.output.find("kernel.md"), std::string::npos) << compared.output;
    EXPECT_NE(compared.output.find("drover.gone.md"), std::string::npos) << compared.output;
}

TEST(Configuration, EveryFileInConfigIsGood) {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(source() / "config")) {
        if (entry.path().extension() != ".properties") continue;
        ++files;
        const auto checked = own_tree().drover({"check", "--config", entry.path().string()});
        EXPECT_TRUE(checked.ok()) << entry.path() << ": " << checked.output;
    }
    EXPECT_GE(files, 1);
}

}  // namespace
}  // namespace drover::test
