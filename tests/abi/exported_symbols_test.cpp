#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "drover/test/process.hpp"

// What a plugin library shows of itself to the process: one function.
namespace drover {
namespace {

std::vector<std::filesystem::path> libraries_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".so") files.push_back(entry.path());
    return files;
}

std::string exported_by(const std::filesystem::path& library) {
    const auto listed = test::run({.words = {"nm", "-D", "--defined-only", library.string()}});
    EXPECT_TRUE(listed.ok()) << listed.output;
    std::istringstream lines(listed.output);
    std::string names;
    for (std::string line; std::getline(lines, line);)
        names += (names.empty() ? "" : " ") + line.substr(line.rfind(' ') + 1);
    return names;
}

TEST(ExportedSymbols, AreTheEntryOfAPluginAndNothingElse) {
    const auto own = libraries_in(std::filesystem::path(DROVER_BUILD_DIR) / "lib/drover/plugins");
    ASSERT_FALSE(own.empty());
    for (const auto& library : own) EXPECT_EQ(exported_by(library), "drover_plugin_entry") << library;
}

TEST(ExportedSymbols, AreFewAlsoOfAPluginThatUsesMuch) {
    EXPECT_EQ(exported_by(std::filesystem::path(BAD_PLUGINS) / "misbehaving.so"), "drover_plugin_entry");
}

}  // namespace
}  // namespace drover
