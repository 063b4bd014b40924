#include "payload.hpp"

#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

#include <map>

#include "cloud_bench.hpp"
#include "drover/task_group.hpp"

namespace drover::cloud {
namespace {

namespace json = boost::json;

std::string no_setting(std::string_view) { return {}; }

std::string written(const Expression& expression) {
    std::string text;
    for (const auto& branch : expression.branches) {
        text += (text.empty() ? "" : "|") + branch.link;
        if (!branch.inner.branches.empty()) text += "[" + written(branch.inner) + "]";
    }
    return text;
}

std::string read(std::string_view text) {
    const auto expression = parse_expression(text, no_setting);
    return expression ? written(*expression) : "refused";
}

TEST(Expressions, NamesListsAndNesting) {
    EXPECT_EQ(read(""), "");
    EXPECT_EQ(read("storagePool|image"), "storagePool|image");
    EXPECT_EQ(read(" storagePool , image "), "storagePool|image");
    EXPECT_EQ(read("instance[volumes[image|offering]|image]|host"), "instance[volumes[image|offering]|image]|host");
    EXPECT_EQ(read("instance.image|host"), "instance[image]|host");
    EXPECT_EQ(read("a.b.c"), "a[b[c]]");
    EXPECT_EQ(read("a||b|"), "a|b");
    EXPECT_EQ(read("a[]"), "a");
}

TEST(Expressions, WhatMakesNoSenseIsRefused) {
    for (const std::string text : {"a[b", "a]", "a]b", "[a]", "a b", "a.", ".a", "a[b]c", "a[b]]", "${x", "a..b"})
        EXPECT_EQ(read(text), "refused") << text;
    std::string deep;
    for (int i = 0; i < 50; ++i) deep += "a[";
    EXPECT_EQ(read(deep + std::string(50, ']')), "refused");
    std::string dots = "a";
    for (int i = 0; i < 50; ++i) dots += ".a";
    EXPECT_EQ(read(dots), "refused");
}

TEST(Expressions, KeysStandForOtherExpressions) {
    const std::map<std::string, std::string, std::less<>> keys{
        {"volume", "offering|image"}, {"instance", "volumes[${volume}]|image"}, {"loop", "a[${loop}]"}};
    const auto setting = [&](std::string_view key) {
        const auto found = keys.find(key);
        return found == keys.end() ? std::string() : found->second;
    };
    const auto expression = parse_expression("instance[${instance}]|host", setting);
    ASSERT_TRUE(expression);
    EXPECT_EQ(written(*expression), "instance[volumes[offering|image]|image]|host");
    EXPECT_EQ(written(*parse_expression("a[${unknown}]", setting)), "a");
    EXPECT_FALSE(parse_expression("${loop}", setting));
}

class Payloads : public CloudBench {
protected:
    json::object payload(const std::string& type, std::int64_t id, const std::string& text) {
        const auto expression = std::make_shared<const Expression>(parse_expression(text, no_setting).value());
        const auto run = make_run("instance", 1);
        auto reader = PayloadReader::of(run);
        return wait(reader.read(get(type, id), expression)).value();
    }
};

TEST_F(Payloads, RowsStandWithWhatTheyAreLinkedTo) {
    const auto pool = create("storagePool", {{"uuid", "pool"}, {"kind", "sim"}});
    const auto image = create("image", {{"uuid", "image"}, {"kind", "image"}, {"format", "sim"}});
    const auto map =
        create("imageStoragePoolMap",
               {{"uuid", "map"}, {"imageId", image}, {"storagePoolId", pool}, {"data", R"({"a":{"b":1}})"}});
    const auto object = payload("imageStoragePoolMap", map, "storagePool|image");
    EXPECT_EQ(object.at("type"), "imageStoragePoolMap");
    EXPECT_EQ(object.at("id"), map);
    EXPECT_EQ(object.at("imageId"), image);
    EXPECT_EQ(object.at("data").at("a").at("b"), 1);
    EXPECT_EQ(object.at("storagePool").at("kind"), "sim");
    EXPECT_EQ(object.at("image").at("format"), "sim");
    EXPECT_TRUE(object.at("removed").is_null());
}

TEST_F(Payloads, MissingReferencesAreNullAndListsAreArrays) {
    const auto instance = create("instance", {{"uuid", "i"}, {"kind", "container"}, {"imageId", 4711}});
    create("volume", {{"uuid", "v0"}, {"instanceId", instance}, {"deviceNumber", 0}});
    create("volume", {{"uuid", "v1"}, {"instanceId", instance}, {"deviceNumber", 1}, {"removed", 5}});
    const auto object = payload("instance", instance, "volumes[instance|storagePools]|offering|image|nonsense");
    EXPECT_TRUE(object.at("image").is_null());
    EXPECT_TRUE(object.at("offering").is_null());
    EXPECT_TRUE(object.at("nonsense").is_null());
    const auto& volumes = object.at("volumes").as_array();
    ASSERT_EQ(volumes.size(), 2u) << "removed children are told as well";
    EXPECT_EQ(volumes[0].at("instance").at("uuid"), "i");
    EXPECT_TRUE(volumes[0].at("storagePools").as_array().empty());
}

TEST_F(Payloads, MapsThatAreRemovedConnectNothing) {
    const auto volume = create("volume", {{"uuid", "v"}});
    const auto here = create("storagePool", {{"uuid", "here"}});
    const auto gone = create("storagePool", {{"uuid", "gone"}});
    create("volumeStoragePoolMap", {{"uuid", "m1"}, {"volumeId", volume}, {"storagePoolId", here}});
    create("volumeStoragePoolMap", {{"uuid", "m2"}, {"volumeId", volume}, {"storagePoolId", gone}, {"removed", 5}});
    const auto pools = payload("volume", volume, "storagePools").at("storagePools").as_array();
    ASSERT_EQ(pools.size(), 1u);
    EXPECT_EQ(pools[0].at("uuid"), "here");
}

TEST_F(Payloads, NeverHoldASecret) {
    const auto account = create("account", {{"uuid", "a"}});
    create("credential", {{"uuid", "c"},
                          {"accountId", account},
                          {"publicValue", "name"},
                          {"secretValue", "sha256:00"},
                          {"secretOnce", "plain"}});
    const auto text = json::serialize(payload("account", account, "credentials"));
    EXPECT_NE(text.find("name"), std::string::npos);
    EXPECT_EQ(text.find("plain"), std::string::npos);
    EXPECT_EQ(text.find("sha256"), std::string::npos);
}

}  // namespace
}  // namespace drover::cloud
