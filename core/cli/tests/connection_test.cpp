#include "cli/connection.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/client.hpp"
#include "drover/test/process.hpp"

namespace drover::cli {
namespace {

std::string url_of(const std::string& text) {
    const auto connection = parse_url(text);
    return connection ? connection->url() : "refused: " + connection.error().message();
}

TEST(Urls, AreReadInTheirForms) {
    for (const auto& [text, expected] : {std::pair{"http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"},
                                         {"http://h:8080", "http://h:8080/v1"},
                                         {"https://h/", "https://h/v1"},
                                         {"HTTP://h/v1/", "http://h/v1"},
                                         {"http://h/v1/schemas", "http://h/v1"},
                                         {"https://h:8443/drover/v1", "https://h:8443/drover/v1"},
                                         {"http://[::1]:80/v1", "http://[::1]/v1"}})
        EXPECT_EQ(url_of(text), expected) << text;
}

TEST(Urls, ThatNameNoApiAreRefused) {
    for (const auto* text :
         {"", "h:8080", "ftp://h", "http://", "http://:80", "http://h:x", "http://h:99999", "http://[::1",
          "http://h/v1?x=y", "http://h/v1#x", "http://h /v1", "http://h\r\nHost: evil/v1"})
        EXPECT_TRUE(url_of(text).starts_with("refused:")) << text << ": " << url_of(text);
    EXPECT_NE(url_of("http://key:secret@h/v1").find("keys do not belong into it"), std::string::npos);
}

TEST(Urls, OfThisMachineAreKnown) {
    EXPECT_TRUE(parse_url("http://127.0.0.1")->loopback());
    EXPECT_TRUE(parse_url("http://[::1]:80")->loopback());
    EXPECT_TRUE(parse_url("http://localhost")->loopback());
    EXPECT_FALSE(parse_url("http://10.0.0.1")->loopback());
}

TEST(Base64, IsThatOfTheRfc) {
    for (const auto& [plain, coded] : {std::pair{"", ""},
                                       {"f", "Zg=="},
                                       {"fo", "Zm8="},
                                       {"foo", "Zm9v"},
                                       {"foob", "Zm9vYg=="},
                                       {"fooba", "Zm9vYmE="},
                                       {"foobar", "Zm9vYmFy"}})
        EXPECT_EQ(base64(plain), coded);
    EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

/// The variables of the client for one test, and a home of its own.
class ConnectionTest : public ::testing::Test {
protected:
    ConnectionTest() {
        for (const auto* name : {"DROVER_URL", "DROVER_ACCESS_KEY", "DROVER_SECRET_KEY"}) ::unsetenv(name);
        ::setenv("XDG_CONFIG_HOME", folder_.path().c_str(), 1);
    }
    ~ConnectionTest() override {
        for (const auto* name : {"DROVER_URL", "DROVER_ACCESS_KEY", "DROVER_SECRET_KEY", "XDG_CONFIG_HOME"})
            ::unsetenv(name);
    }
    std::filesystem::path write_credentials(std::string_view text, std::filesystem::perms mode) const {
        const auto file = folder_ / "drover" / "credentials";
        std::filesystem::create_directories(file.parent_path());
        test::write_file(file, text);
        std::filesystem::permissions(file, mode);
        return file;
    }
    static constexpr auto kOwner = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
    test::TemporaryFolder folder_;
};

TEST_F(ConnectionTest, FlagsWinOverVariablesAndTheseOverTheFile) {
    EXPECT_EQ(find_connection({})->url(), kDefaultUrl);
    write_credentials("# mine\nurl = http://file:1/v1\naccess-key=FK\nsecret-key = F=S \n", kOwner);
    auto found = find_connection({});
    ASSERT_TRUE(found) << found.error();
    EXPECT_EQ(found->url(), "http://file:1/v1");
    EXPECT_EQ(found->access_key, "FK");
    EXPECT_EQ(found->secret_key, "F=S");
    ::setenv("DROVER_URL", "http://variable:2/v1", 1);
    ::setenv("DROVER_ACCESS_KEY", "VK", 1);
    ::setenv("DROVER_SECRET_KEY", "VS", 1);
    found = find_connection({});
    EXPECT_EQ(found->url(), "http://variable:2/v1");
    EXPECT_EQ(found->access_key + found->secret_key, "VKVS");
    found = find_connection({"http://flag:3", "", ""});
    EXPECT_EQ(found->url(), "http://flag:3/v1");
    EXPECT_EQ(found->access_key, "VK");
}

TEST_F(ConnectionTest, AFileThatOthersMayReadIsRefused) {
    const auto file = write_credentials("access-key=a\nsecret-key=b\n", kOwner | std::filesystem::perms::group_read);
    const auto refused = find_connection({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::denied);
    EXPECT_EQ(refused.error().hint(), "Run: chmod 600 " + file.string());
}

TEST_F(ConnectionTest, AWrongLineIsNamedWithoutWhatItHolds) {
    write_credentials("access-key=a\nsecretkey=hunter2\n", kOwner);
    auto refused = find_connection({});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().describe().find("credentials:2: secretkey is not a name. Did you mean secret-key?"),
              std::string::npos)
        << refused.error();
    EXPECT_EQ(refused.error().describe().find("hunter2"), std::string::npos);
    write_credentials("hunter2\n", kOwner);
    refused = find_connection({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().describe().find("hunter2"), std::string::npos) << refused.error();
}

TEST_F(ConnectionTest, AKeyWithoutItsSecretIsAnError) {
    ::setenv("DROVER_ACCESS_KEY", "K", 1);
    const auto refused = find_connection({});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message(), "an access key is given, but no secret key");
}

TEST(ApiErrors, SayWhatTheApiSaid) {
    const auto error = error_of_answer("POST /v1/containers", 422,
                                       R"({"type":"error","status":422,"code":"MissingRequired","fieldName":"imageUuid",
                                           "message":null,"detail":null})");
    EXPECT_EQ(error.message(), "POST /v1/containers: 422 MissingRequired, field imageUuid is required");
    EXPECT_EQ(error.code(), Errc::invalid);
    EXPECT_EQ(error.detail("status"), "422");
    EXPECT_EQ(error.detail("code"), "MissingRequired");
    EXPECT_EQ(error_of_answer("X", 409, R"({"code":"Conflict","message":"held","detail":"by \u001b[2J"})").message(),
              "X: 409 Conflict: held (by \\x1b[2J)");
    EXPECT_EQ(error_of_answer("X", 422, R"({"code":"InvalidReference","fieldName":"hostId","detail":"no host is 7"})")
                  .message(),
              "X: 422 InvalidReference, field hostId: no host is 7");
    EXPECT_EQ(error_of_answer("X", 404, R"({"code":"Not Found","message":"Not Found"})").message(), "X: 404 Not Found");
    EXPECT_EQ(error_of_answer("X", 502, "<html>bad gateway").message(), "X: 502: <html>bad gateway");
    EXPECT_EQ(error_of_answer("X", 500, "").message(), "X: 500");
    EXPECT_EQ(error_of_answer("X", 401, "").code(), Errc::denied);
    EXPECT_NE(error_of_answer("X", 401, "").hint().find("DROVER_ACCESS_KEY"), std::string::npos);
    EXPECT_EQ(error_of_answer("X", 503, "").code(), Errc::unavailable);
}

}  // namespace
}  // namespace drover::cli
