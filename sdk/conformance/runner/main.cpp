#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "drover/conformance/http_kit.hpp"
#include "drover/host/library.hpp"
#include "kits.hpp"

namespace drover::conformance {
namespace {

constexpr const char* kUsage =
    "usage: drover plugin test FILE.so [OPTION=VALUE...] [--gtest_filter=PATTERN ...]\n"
    "\n"
    "Runs the conformance kit of every service that the plugin provides. Each case starts instances of its\n"
    "own, one for each server in it. In a VALUE stand for what differs from case to case:\n"
    "  {world}   a name shared by the instances of one case, and by no others\n"
    "  {folder}  a temporary folder of the case, removed after it\n"
    "  {owner}   the name of the server: alice, bob, carol\n";

int fail(const Error& error) {
    std::cerr << "drover plugin test: " << error.describe() << "\n";
    return 1;
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
}

/// The plugin file, with the options of the command line; for every kit.
class FileBackend final : public HttpFrontBackend {
public:
    FileBackend(std::filesystem::path file, Options given) : file_(std::move(file)), given_(std::move(given)) {}

    std::string library() const override { return file_.string(); }
    Options options(std::string_view owner) override {
        auto options = given_;
        for (auto& [name, value] : options) {
            replace_all(value, "{world}", std::filesystem::path(folder()).filename().string());
            replace_all(value, "{folder}", folder());
            replace_all(value, "{owner}", owner);
        }
        return options;
    }

private:
    const std::filesystem::path file_;
    const Options given_;
};

/// Says of each case that fails which promise is not kept.
class PromiseReporter final : public testing::EmptyTestEventListener {
public:
    void OnTestEnd(const testing::TestInfo& test) override {
        if (test.result()->Failed()) std::cout << "promise not kept: " << sentence_of(test.name()) << std::endl;
    }
};

/// A mistake in the options is said once, not by every case.
Result<void> check_options(const host::Library& library, Options options) {
    for (auto& [name, value] : options)
        for (const auto* placeholder : {"{world}", "{folder}", "{owner}"}) replace_all(value, placeholder, "alice");
    auto config = Config::make(library.descriptor().options, options);
    if (config) return ok;
    return config.error()
        .in("the options of " + library.id())
        .with_hint("See: drover plugin inspect " + library.file().string());
}

int run_kits(const std::filesystem::path& file, const Options& options) {
    const auto library = host::Library::load(file, {});
    if (!library) return fail(library.error());
    if (const auto good = check_options(**library, options); !good) return fail(good.error());
    std::size_t cases = 0;
    std::string provided;
    for (const auto& service : (*library)->descriptor().provides) {
        provided += (provided.empty() ? "" : ", ") + service.id;
        for (const auto& kit : all_kits())
            if (kit.interface_id == service.id)
                cases += register_cases(kit.cases(), std::string(kit.title), (*library)->short_name(),
                                        [file, options] { return std::make_unique<FileBackend>(file, options); });
    }
    if (cases == 0)
        return fail(Error(Errc::not_found, file.string() + " (" + (*library)->id() +
                                               ") provides no service that has a kit; it provides " +
                                               (provided.empty() ? "nothing" : provided)));
    testing::UnitTest::GetInstance()->listeners().Append(new PromiseReporter);
    const int status = RUN_ALL_TESTS();
    const auto& all = *testing::UnitTest::GetInstance();
    std::cout << all.successful_test_count() << " passed, " << all.failed_test_count() << " failed, "
              << all.skipped_test_count() << " skipped" << std::endl;
    if (all.test_to_run_count() == 0) return fail(Error(Errc::not_found, "no case was run; check --gtest_filter"));
    return status;
}

int list_promises(std::string_view slot) {
    for (const auto& kit : all_kits()) {
        if (kit.slot != slot) continue;
        std::cout << promises_of(kit);
        return 0;
    }
    return fail(Error(Errc::not_found, "there is no kit for " + std::string(slot)));
}

int run(int argc, char** argv) {
    if (argc == 3 && std::string_view(argv[1]) == "--promises") return list_promises(argv[2]);
    testing::InitGoogleTest(&argc, argv);  // takes its own flags out
    std::filesystem::path file;
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        if (word == "--help" || word == "-h") {
            std::cout << kUsage;
            return 0;
        }
        const auto equals = word.find('=');
        if (file.empty()) {
            file = std::filesystem::absolute(word);
        } else if (word.starts_with("-") || equals == std::string::npos || equals == 0) {
            std::cerr << "drover plugin test: \"" << word << "\" is not OPTION=VALUE\n\n" << kUsage;
            return 2;
        } else {
            options[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
    if (file.empty()) {
        std::cerr << kUsage;
        return 2;
    }
    return run_kits(file, options);
}

}  // namespace
}  // namespace drover::conformance

int main(int argc, char** argv) {
    try {
        return drover::conformance::run(argc, argv);
    } catch (const std::exception& failure) {
        std::cerr << "drover plugin test: " << failure.what() << "\n";
        return 1;
    }
}
