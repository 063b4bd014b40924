#include <gtest/gtest.h>

#include <sstream>

#include "drover/test/process.hpp"

// Code in the pages for plugin authors is a part of files that are compiled: `<!-- from: FILE -->` says of which.
namespace drover {
namespace {

struct Block {
    std::string language;
    std::string from;  ///< empty: no file was named
    std::string text;
    int line = 0;
};

std::vector<Block> blocks_of(const std::string& page) {
    std::vector<Block> blocks;
    std::istringstream lines(page);
    std::string from;
    bool inside = false;
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        constexpr std::string_view kFrom = "<!-- from: ";
        if (inside) {
            if (line == "```") inside = false;
            else blocks.back().text += line + "\n";
        } else if (line.starts_with("```")) {
            blocks.push_back({line.substr(3), from, "", number});
            from.clear();
            inside = true;
        } else if (line.starts_with(kFrom)) {
            from = line.substr(kFrom.size(), line.find(" -->") - kFrom.size());
        }
    }
    EXPECT_FALSE(inside) << "a block does not end";
    return blocks;
}

TEST(PluginAuthorPages, ShowOnlyCodeThatIsCompiled) {
    const std::filesystem::path root(DROVER_SOURCE_DIR);
    int shown = 0;
    for (const auto* page : {"docs/plugin-author.md", "sdk/README.md", "sdk/template/README.md"}) {
        for (const auto& block : blocks_of(test::read_file(root / page))) {
            if (block.language != "cpp" && block.from.empty()) continue;
            ++shown;
            ASSERT_FALSE(block.from.empty()) << page << ":" << block.line << ": of which file is it a part?";
            EXPECT_NE(test::read_file(root / block.from).find(block.text), std::string::npos)
                << page << ":" << block.line << ": is not in " << block.from << ":\n"
                << block.text;
        }
    }
    EXPECT_GT(shown, 3);
}

TEST(PluginAuthorPages, NameOnlyFilesThatExist) {
    const std::filesystem::path root(DROVER_SOURCE_DIR);
    for (const std::filesystem::path page : {"docs/plugin-author.md", "sdk/README.md"}) {
        const auto text = test::read_file(root / page);
        for (auto at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1)) {
            const auto link = text.substr(at + 2, text.find(')', at) - at - 2);
            EXPECT_TRUE(std::filesystem::exists((root / page).parent_path() / link)) << page << " links to " << link;
        }
    }
}

}  // namespace
}  // namespace drover
