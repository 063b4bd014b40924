#include <elf.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "catalogue/catalogue.hpp"
#include "drover/abi.hpp"
#include "drover/test/process.hpp"

// A wrong plugin is refused with a sentence that names the file, both sides, and what to do.
namespace drover {
namespace {

using test::DroverTree;
using test::TemporaryFolder;

std::filesystem::path bad(const std::string& name) { return std::filesystem::path(BAD_PLUGINS) / (name + ".so"); }

struct Refusal {
    std::string library;
    Errc code;
    std::vector<std::string> says;  ///< besides the file
    std::string remedy;

    friend void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.library; }
};

std::string sdk(int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); }
const std::string kOurs = sdk(DROVER_ABI_MAJOR, DROVER_ABI_MINOR);
const std::string kAuthor = "tell its author";

std::vector<Refusal> refusals() {
    std::string other_toolchain = DROVER_TOOLCHAIN;
    other_toolchain[9] = 'X';
    return {
        {"no_note", Errc::invalid, {"no plugin note"}, "DROVER_PLUGIN"},
        {"wrong_magic", Errc::invalid, {"wrong magic"}, "build it anew"},
        {"other_note_version", Errc::invalid, {"note of version 2", "reads version 1"}, "Rebuild the plugin"},
        {"newer_major",
         Errc::unsupported,
         {"test.altered 1.2.3", "SDK " + sdk(DROVER_ABI_MAJOR + 1, DROVER_ABI_MINOR), "has SDK " + kOurs},
         "Upgrade Drover"},
        {"newer_minor",
         Errc::unsupported,
         {"test.altered 1.2.3", "SDK " + sdk(DROVER_ABI_MAJOR, DROVER_ABI_MINOR + 1),
          "newer than this Drover's SDK " + kOurs},
         "Upgrade Drover, or build the plugin against SDK " + kOurs},
        {"other_toolchain",
         Errc::unsupported,
         {"test.altered 1.2.3", "plugin: " + other_toolchain, "Drover: " + std::string(DROVER_TOOLCHAIN)},
         "Rebuild the plugin with the compiler and Boost"},
        {"wrong_id", Errc::invalid, {"\"Test.altered\""}, "lower-case words"},
        {"no_entry", Errc::unsupported, {"test.load 1.2.3", "drover_plugin_entry"}, "drover_add_plugin"},
        {"undefined_symbol",
         Errc::unsupported,
         {"test.load 1.2.3", "undefined symbol", "nobody_defines_this"},
         "Link the plugin with every library"},
        {"missing_library", Errc::unsupported, {"test.missing-library 1.2.3", "libbad_gone"}, "ldd "},
        {"null_descriptor", Errc::invalid, {"test.load", "there is none"}, kAuthor},
        {"descriptor_throws", Errc::internal, {"test.load 1.2.3", "threw", "the descriptor is out of order"}, kAuthor},
        {"crashes_on_load", Errc::internal, {"test.load 1.2.3", "crashed", "signal 6"}, kAuthor},
        {"option_twice", Errc::invalid, {"test.descriptor", "option one is declared twice"}, kAuthor},
        {"wrong_default", Errc::invalid, {"default of option threads", "\"99\"", "at most 8"}, kAuthor},
        {"option_without_summary", Errc::invalid, {"option quiet has no summary"}, kAuthor},
        {"service_twice", Errc::invalid, {"drover.lock is provided twice"}, kAuthor},
        {"need_twice", Errc::invalid, {"drover.events is needed twice"}, kAuthor},
        {"extends_twice", Errc::invalid, {"drover.model-extension is extended twice"}, kAuthor},
        {"collects_twice", Errc::invalid, {"drover.model-extension is collected twice"}, kAuthor},
        {"service_without_slot",
         Errc::invalid,
         {"drover.model-extension is provided but has no slot", "among `extends`"},
         kAuthor},
        {"extension_with_slot",
         Errc::invalid,
         {"drover.events is extended but has the slot events", "among `provides`"},
         kAuthor},
        {"two_stars", Errc::invalid, {"the key of option wide has more than one '*'"}, kAuthor},
        {"no_summary", Errc::invalid, {"it has no summary"}, kAuthor},
        {"no_create", Errc::invalid, {"it has no create function"}, kAuthor},
    };
}

void expect_refused(const std::filesystem::path& file, const Refusal& expected) {
    const auto plugin = core::describe(file);
    ASSERT_FALSE(plugin) << "it was taken for a plugin";
    const auto& error = plugin.error();
    EXPECT_EQ(error.code(), expected.code) << error;
    EXPECT_NE(error.message().find(file.string()), std::string::npos) << "it does not name the file: " << error;
    for (const auto& word : expected.says)
        EXPECT_NE(error.message().find(word), std::string::npos) << "it does not say \"" << word << "\": " << error;
    EXPECT_NE(error.hint().find(expected.remedy), std::string::npos)
        << "it does not say what to do (" << expected.remedy << "): " << error;
}

class RefusedPlugin : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedPlugin, IsNamedWithBothSidesAndTheRemedy) { expect_refused(bad(GetParam().library), GetParam()); }

TEST_P(RefusedPlugin, IsShownByInspectWithTheSameWords) {
    const auto file = bad(GetParam().library);
    const auto shown = test::run({.words = {test::drover_program().string(), "plugin", "inspect", file.string()}});
    EXPECT_EQ(shown.ending, (test::Ending{1, 0})) << shown.output;
    for (const auto& word : GetParam().says) EXPECT_NE(shown.output.find(word), std::string::npos) << shown.output;
    EXPECT_NE(shown.output.find(GetParam().remedy), std::string::npos) << shown.output;
}

INSTANTIATE_TEST_SUITE_P(Abi, RefusedPlugin, testing::ValuesIn(refusals()),
                         [](const auto& instance) { return instance.param.library; });

TEST(RefusedFile, AGoodNoteIsAccepted) {
    const auto plugin = core::describe(bad("good"));
    ASSERT_TRUE(plugin) << plugin.error();
    EXPECT_EQ(plugin->note.id, "test.altered");
    EXPECT_EQ(plugin->note.toolchain, DROVER_TOOLCHAIN);
    EXPECT_FALSE(plugin->note.build_id.empty());
}

TEST(RefusedFile, ALibraryThatHangsWhileItIsLoadedIsGivenUp) {
    expect_refused(bad("hangs_on_load"), {"", Errc::internal, {"test.load 1.2.3", "within 10 s"}, kAuthor});
}

TEST(RefusedFile, ALibraryThatHangsIsWaitedForOnce) {
    const TemporaryFolder folder;
    std::filesystem::copy_file(bad("hangs_on_load"), folder / "slow.so");
    std::filesystem::copy_file(bad("good"), folder / "good.so");
    const auto search = [&] {
        const auto begun = std::chrono::steady_clock::now();
        auto found = core::find_plugins({folder.path()}, folder / "cache");
        return std::pair(std::move(found).value(), std::chrono::steady_clock::now() - begun);
    };
    const auto [first, first_took] = search();
    ASSERT_EQ(first.refused.size(), 1U);
    EXPECT_GE(first_took, std::chrono::seconds(10));

    const auto [again, again_took] = search();
    ASSERT_EQ(again.refused.size(), 1U);
    EXPECT_LT(again_took, std::chrono::seconds(5)) << "it was waited for again";
    EXPECT_EQ(again.refused[0].file, folder / "slow.so");
    EXPECT_EQ(again.refused[0].error.code(), Errc::internal);
    for (const auto* part : {"test.load 1.2.3", "within 10 s when it was loaded last"})
        EXPECT_NE(again.refused[0].error.message().find(part), std::string::npos) << again.refused[0].error;
    for (const auto& part : {std::string("tell its author"), (folder / "cache").string()})
        EXPECT_NE(again.refused[0].error.hint().find(part), std::string::npos) << again.refused[0].error;
    ASSERT_EQ(again.plugins.size(), 1U) << "what describes itself is remembered beside it";

    // Another build of it is asked.
    std::filesystem::copy_file(bad("twin_new"), folder / "slow.so", std::filesystem::copy_options::overwrite_existing);
    const auto [mended, mended_took] = search();
    EXPECT_TRUE(mended.refused.empty()) << mended.refused[0].error;
    EXPECT_EQ(mended.plugins.size(), 2U);
}

TEST(RefusedFile, OneThatIsNotThere) {
    expect_refused("/nowhere/at-all.so", {"", Errc::not_found, {"cannot be opened"}, "plugin.path"});
}

TEST(RefusedFile, AFolder) {
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "folder.so");
    expect_refused(folder / "folder.so", {"", Errc::invalid, {"is a folder"}, "plugin.path"});
}

TEST(RefusedFile, AnEmptyFileAndATextFile) {
    const TemporaryFolder folder;
    for (const auto* content : {"", "\x7f", "This is not a library, although it is called one.\n"}) {
        test::write_file(folder / "text.so", content);
        expect_refused(folder / "text.so", {"", Errc::invalid, {"not a 64-bit shared library"}, "drover_add_plugin"});
    }
}

TEST(RefusedFile, AProgramInsteadOfALibrary) {
    auto program = test::read_file(test::drover_program());
    Elf64_Ehdr header;
    std::memcpy(&header, program.data(), sizeof header);
    header.e_type = ET_EXEC;
    std::memcpy(program.data(), &header, sizeof header);
    const TemporaryFolder folder;
    test::write_file(folder / "program.so", program);
    expect_refused(folder / "program.so", {"", Errc::invalid, {"not a 64-bit shared library"}, "drover_add_plugin"});
}

TEST(RefusedFile, ALibraryForAnotherProcessor) {
    auto library = test::read_file(bad("good"));
    Elf64_Ehdr header;
    std::memcpy(&header, library.data(), sizeof header);
    header.e_machine = EM_S390;
    std::memcpy(library.data(), &header, sizeof header);
    const TemporaryFolder folder;
    test::write_file(folder / "foreign.so", library);
    expect_refused(folder / "foreign.so",
                   {"", Errc::invalid, {"built for s390", "this Drover runs on "}, "a machine like this one"});
}

TEST(RefusedFile, ALibraryCutAtAnyPlace) {
    const auto library = test::read_file(bad("good"));
    const TemporaryFolder folder;
    for (std::size_t part = 0; part < 64; ++part) {
        const auto size = library.size() * part / 64;
        test::write_file(folder / "cut.so", std::string_view(library).substr(0, size));
        const auto plugin = core::describe(folder / "cut.so");
        ASSERT_FALSE(plugin) << "taken with " << size << " of " << library.size() << " bytes";
        EXPECT_EQ(plugin.error().code(), Errc::invalid) << plugin.error();
        EXPECT_NE(plugin.error().message().find("cut.so"), std::string::npos) << plugin.error();
        EXPECT_NE(plugin.error().hint(), "") << plugin.error();
    }
    // As long as the section table is whole nothing tells the note's reader of a cut; the loader has the last word.
}

TEST(RefusedFile, ASectionTableOfManyEntriesWithoutSize) {
    auto library = test::read_file(bad("good"));
    Elf64_Ehdr header;
    std::memcpy(&header, library.data(), sizeof header);
    header.e_shentsize = 0;
    header.e_shnum = 0xffff;
    std::memcpy(library.data(), &header, sizeof header);
    const TemporaryFolder folder;
    test::write_file(folder / "endless.so", library);
    expect_refused(folder / "endless.so", {"", Errc::invalid, {"section table"}, "build it again"});
}

TEST(RefusedFile, IsListedAndDoesNotKeepAServerFromStarting) {
    DroverTree tree;
    tree.add_own("memory");
    tree.add(bad("newer_minor"));
    test::write_file(tree.plugins() / "text.so", "not a library\n");
    const auto listed = tree.drover({"plugin", "list"});
    EXPECT_TRUE(listed.ok()) << listed.output;
    EXPECT_NE(listed.output.find("drover.memory"), std::string::npos) << listed.output;
    EXPECT_NE(listed.output.find("refused  " + (tree.plugins() / "text.so").string()), std::string::npos)
        << listed.output;
    EXPECT_NE(listed.output.find("newer than this Drover's SDK"), std::string::npos) << listed.output;

    test::ServerProcess server(tree, {"service.lock=memory"});
    ASSERT_TRUE(server.wait_ready()) << server.log();
    EXPECT_NE(server.log().find("text.so"), std::string::npos) << server.log();
    EXPECT_EQ(server.stop(), (test::Ending{0, 0})) << server.log();
}

TEST(RefusedFile, IsNamedWhereTheConfigurationAsksForIt) {
    DroverTree tree;
    tree.add(bad("newer_minor"));
    const auto checked = tree.drover({"check", "-D", "plugin.locks.use=test.altered"});
    EXPECT_EQ(checked.ending, (test::Ending{1, 0}));
    EXPECT_NE(checked.output.find("no plugin test.altered was found"), std::string::npos) << checked.output;
    EXPECT_NE(checked.output.find("newer than this Drover's SDK"), std::string::npos) << checked.output;
    EXPECT_NE(checked.output.find("Upgrade Drover"), std::string::npos) << checked.output;
}

}  // namespace
}  // namespace drover
