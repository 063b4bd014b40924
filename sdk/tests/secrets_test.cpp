#include "drover/secrets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace drover {
namespace {

TEST(Secrets, GeneratedSecretVerifiesAndNoOtherDoes) {
    const auto secret = generate_secret().value();
    const auto stored = hash_generated_secret(secret);
    EXPECT_TRUE(verify_secret(secret, stored));
    EXPECT_FALSE(verify_secret(secret + "x", stored));
    EXPECT_FALSE(verify_secret(secret.substr(1), stored));
    EXPECT_FALSE(verify_secret("", stored));
    EXPECT_FALSE(is_slow_secret(stored));
}

TEST(Secrets, StoredTextDoesNotHoldTheSecretAndIsNoSecretItself) {
    const auto secret = generate_secret().value();
    for (const auto& stored : {hash_generated_secret(secret), hash_chosen_secret(secret).value()}) {
        EXPECT_EQ(stored.find(secret), std::string::npos);
        EXPECT_FALSE(verify_secret(stored, stored)) << stored;
        EXPECT_TRUE(is_hashed_secret(stored));
    }
}

TEST(Secrets, FastHashIsTheOneOfFips180) {
    EXPECT_EQ(hash_generated_secret("abc"), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Secrets, SlowHashIsTheOneOfRfc7914) {
    // The third vector of its section 12: N = 16384, r = 8, p = 1; the first half of its 64 bytes.
    const std::string stored =
        "scrypt:14:8:1:536f6469756d43686c6f72696465:"
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2";
    EXPECT_TRUE(verify_secret("pleaseletmein", stored));
    EXPECT_FALSE(verify_secret("pleaseletmeout", stored));
}

TEST(Secrets, ChosenSecretVerifiesAndIsSaltedEachTime) {
    const auto one = hash_chosen_secret("correct horse").value();
    const auto two = hash_chosen_secret("correct horse").value();
    EXPECT_NE(one, two);
    EXPECT_TRUE(verify_secret("correct horse", one));
    EXPECT_TRUE(verify_secret("correct horse", two));
    EXPECT_FALSE(verify_secret("correct horsf", one));
    EXPECT_TRUE(is_slow_secret(one));
}

TEST(Secrets, WrongLengthsAreRefused) {
    EXPECT_FALSE(hash_chosen_secret(""));
    EXPECT_FALSE(hash_chosen_secret(std::string(4'097, 'x')));
    EXPECT_TRUE(hash_chosen_secret(std::string(4'096, 'x')));
}

TEST(Secrets, WhatIsNoHashNeverVerifies) {
    for (const std::string stored :
         {"", "plain", "sha256:", "sha256:00", "scrypt:", "scrypt:14:8:1:00", "scrypt:14:8:1::00",
          "scrypt:99:8:1:00:00", "scrypt:20:32:1:00:7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2",
          "scrypt:14:8:1:zz:7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2", "md5:00"}) {
        EXPECT_FALSE(verify_secret("plain", stored)) << stored;
        EXPECT_FALSE(verify_secret(stored, stored)) << stored;
        EXPECT_FALSE(is_hashed_secret(stored)) << stored;
    }
}

TEST(Secrets, GeneratedSecretsUseOnlyWhatIsLeft) {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto secret = generate_secret().value();
        EXPECT_EQ(secret.size(), 40u);
        EXPECT_EQ(secret.find_first_of("O0lI+/="), std::string::npos);
        EXPECT_TRUE(seen.insert(secret).second);
    }
    EXPECT_FALSE(generate_secret("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"));
}

TEST(Secrets, PublicValuesAreTwentyUpperCaseHexadecimalDigits) {
    const auto value = generate_public_value();
    EXPECT_EQ(value.size(), 20u);
    EXPECT_TRUE(std::all_of(value.begin(), value.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
    })) << value;
    EXPECT_NE(value, generate_public_value());
}

TEST(Secrets, ComparesTexts) {
    EXPECT_TRUE(equal_in_constant_time("", ""));
    EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
    EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
    EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

}  // namespace
}  // namespace drover
