#include <gtest/gtest.h>

#include "filters/filters.hpp"

namespace drover::cloud {
namespace {

TEST(ImageTemplate, SimulatedPoolsTakeAnythingOfTheirKind) {
    const auto made = image_template("sim", "sim:whatever/it Is");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->format, "sim");
    EXPECT_EQ(made->instance_kind, "");
    EXPECT_FALSE(image_template("sim", "docker:ubuntu"));
    EXPECT_FALSE(image_template("sim", "sim"));
    EXPECT_FALSE(image_template("sim", "sim:"));
    EXPECT_FALSE(image_template("sim", "simple:x"));
    EXPECT_FALSE(image_template("sim", "sim:" + std::string(200, 'x')));
}

TEST(ImageTemplate, DockerNamesAreRead) {
    const auto plain = image_template("docker", "docker:ubuntu");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->name, "ubuntu:latest");
    EXPECT_EQ(plain->instance_kind, "container");
    const auto& image = plain->data.at("dockerImage").as_object();
    EXPECT_TRUE(image.at("namespace").is_null());
    EXPECT_EQ(image.at("tag"), "latest");

    const auto full = image_template("docker", "docker:ibuildthecloud/helloworld:V1");
    ASSERT_TRUE(full);
    EXPECT_EQ(full->data.at("dockerImage").at("namespace"), "ibuildthecloud");
    EXPECT_EQ(full->data.at("dockerImage").at("repository"), "helloworld");
    EXPECT_EQ(full->data.at("dockerImage").at("tag"), "V1");
    EXPECT_EQ(full->data.at("dockerImage").at("qualifiedName"), "ibuildthecloud/helloworld");
}

TEST(ImageTemplate, WhatIsNoDockerNameIsRefused) {
    for (const std::string uuid : {"docker:", "docker:a b", "docker:/x", "docker:x/", "docker:a/b/c",
                                   "docker:x:", "docker:x:a b", "docker:Ubuntu", "docker:x';drop table image;--"})
        EXPECT_FALSE(image_template("docker", uuid)) << uuid;
    EXPECT_FALSE(image_template("libvirt", "libvirt:cirros"));
}

}  // namespace
}  // namespace drover::cloud
