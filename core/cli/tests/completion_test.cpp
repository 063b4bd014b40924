#include "cli/completion.hpp"

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <algorithm>

#include "cli/client_commands.hpp"
#include "cli/help.hpp"
#include "schemas_sample.hpp"

namespace drover::cli {
namespace {

class CompletionTest : public ::testing::Test {
protected:
    CompletionTest() { add_client_commands(app_, status_); }

    std::vector<std::string> found(const std::vector<std::string>& words) {
        std::vector<std::string> texts;
        for (auto& one : complete(app_, words, [] { return &sample_schemas(); }).candidates)
            texts.push_back(std::move(one.word));
        return texts;
    }
    using Texts = std::vector<std::string>;
    static bool holds(const Texts& texts, const std::string& one) {
        return std::find(texts.begin(), texts.end(), one) != texts.end();
    }

    CLI::App app_;
    int status_ = 0;
};

TEST_F(CompletionTest, CommandsAndTheirCommandsAreOffered) {
    EXPECT_TRUE(holds(found({""}), "get"));
    EXPECT_EQ(found({"ex"}), Texts{"explain"});
    EXPECT_EQ(found({"process", "re"}), Texts{"retry"});
    EXPECT_EQ(found({"completion", ""}), (Texts{"bash", "zsh"}));
}

TEST_F(CompletionTest, OptionsAndTheirValuesAreOffered) {
    EXPECT_EQ(found({"get", "hosts", "--so"}), Texts{"--sort"});
    EXPECT_EQ(found({"get", "hosts", "-o", ""}), (Texts{"table", "json", "yaml"}));
    EXPECT_EQ(found({"get", "hosts", "--output=y"}), Texts{"--output=yaml"});
    EXPECT_EQ(found({"get", "containers", "--columns", "id,imageU"}), Texts{"id,imageUuid"});
    EXPECT_EQ(found({"get", "containers", "--include", "h"}), Texts{"hosts"});
    EXPECT_EQ(found({"process", "list", "--pen"}), Texts{"--pending"});
}

TEST_F(CompletionTest, TypesFieldsAndActionsComeFromTheSchemas) {
    EXPECT_TRUE(holds(found({"get", ""}), "containers"));
    EXPECT_FALSE(holds(found({"get", ""}), "instancestops")) << "it cannot be listed";
    EXPECT_EQ(found({"create", "c"}), Texts{"container"});
    EXPECT_EQ(found({"create", "container", "imageU"}), Texts{"imageUuid="});
    EXPECT_EQ(found({"create", "container", "networkMode="}),
              (Texts{"networkMode=bridge", "networkMode=host", "networkMode=none"}));
    EXPECT_EQ(found({"create", "container", "--wait", "name=x", "startOnCreate=f"}), Texts{"startOnCreate=false"});
    EXPECT_EQ(found({"update", "container", "1i5", "na"}), Texts{"name="});
    EXPECT_EQ(found({"action", "container", "1i5", ""}), (Texts{"start", "stop"}));
    EXPECT_EQ(found({"action", "container", "1i5", "stop", "r"}), Texts{"remove="});
    EXPECT_EQ(found({"get", "containers", "comp"}), Texts{"compute="});
    EXPECT_EQ(found({"delete", "contai"}), Texts{"container"});
}

TEST_F(CompletionTest, NamesOfFilesAreLeftToTheShell) {
    EXPECT_TRUE(complete(app_, {"create", "host", "--file", ""}, [] { return nullptr; }).files);
    EXPECT_FALSE(complete(app_, {"create", "host", ""}, [] { return nullptr; }).files);
}

TEST_F(CompletionTest, WithoutSchemasWhatNeedsNoneIsOffered) {
    const auto nothing = complete(app_, {"get", ""}, [] { return nullptr; });
    EXPECT_TRUE(nothing.candidates.empty());
    EXPECT_FALSE(complete(app_, {"get", "hosts", "--"}, [] { return nullptr; }).candidates.empty());
    EXPECT_TRUE(complete(app_, {}, [] { return nullptr; }).candidates.size() > 5);
}

TEST(WaitOption, WithoutATimeGetsOne) {
    EXPECT_EQ(with_explicit_wait({"create", "host", "--wait", "name=x", "--wait=3s", "--", "--wait"}),
              (std::vector<std::string>{"create", "host", "--wait=5m", "name=x", "--wait=3s", "--", "--wait"}));
}

}  // namespace
}  // namespace drover::cli
