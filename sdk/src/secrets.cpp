#include "drover/secrets.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

namespace drover {
namespace {

constexpr std::string_view kFast = "sha256:";
constexpr std::string_view kSlow = "scrypt:";
constexpr std::size_t kLongestSecret = 4'096;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kKeyBytes = 32;

// What one guess costs: 128 * r * 2^kLogN bytes, 16 MB.
constexpr int kLogN = 14;
constexpr int kR = 8;
constexpr int kP = 1;
// What a stored text may ask for at most, so that a row cannot make a server allocate without bound.
constexpr std::uint64_t kMostMemory = 64ULL * 1024 * 1024;
constexpr int kMostP = 16;

std::string hex(std::span<const unsigned char> bytes, const char* digits = "0123456789abcdef") {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

std::optional<std::vector<unsigned char>> unhex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<unsigned char> bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        unsigned char byte = 0;
        const auto [end, problem] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        if (problem != std::errc{} || end != text.data() + i + 2) return std::nullopt;
        bytes.push_back(byte);
    }
    return bytes;
}

void fill_random(std::span<unsigned char> bytes) {
    // Without randomness there is no secret: better none than one that can be guessed.
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        throw std::runtime_error("the random number generator of OpenSSL failed");
}

struct Slow {
    int log_n = kLogN;
    int r = kR;
    int p = kP;
    std::vector<unsigned char> salt;
    std::vector<unsigned char> key;

    std::uint64_t memory() const { return 128ULL * static_cast<std::uint64_t>(r) << log_n; }
};

bool derive(std::string_view secret, const Slow& how, std::span<unsigned char> into) {
    return EVP_PBE_scrypt(secret.data(), secret.size(), how.salt.data(), how.salt.size(), 1ULL << how.log_n,
                          static_cast<std::uint64_t>(how.r), static_cast<std::uint64_t>(how.p),
                          how.memory() + kMostMemory, into.data(), into.size()) == 1;
}

std::optional<int> number(std::string_view text, int most) {
    int value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) return std::nullopt;
    return value;
}

std::optional<Slow> parse_slow(std::string_view stored) {
    if (!stored.starts_with(kSlow)) return std::nullopt;
    stored.remove_prefix(kSlow.size());
    std::array<std::string_view, 5> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto colon = stored.find(':');
        if ((colon == std::string_view::npos) != (i + 1 == parts.size())) return std::nullopt;
        parts[i] = stored.substr(0, colon);
        stored.remove_prefix(colon == std::string_view::npos ? stored.size() : colon + 1);
    }
    const auto log_n = number(parts[0], 20);
    const auto r = number(parts[1], 32);
    const auto p = number(parts[2], kMostP);
    auto salt = unhex(parts[3]);
    auto key = unhex(parts[4]);
    if (!log_n || !r || !p || !salt || salt->empty() || !key || key->size() != kKeyBytes) return std::nullopt;
    Slow slow{*log_n, *r, *p, std::move(*salt), std::move(*key)};
    if (slow.memory() > kMostMemory) return std::nullopt;
    return slow;
}

}  // namespace

std::string random_hex(std::size_t bytes) {
    std::vector<unsigned char> random(bytes);
    fill_random(random);
    return hex(random, "0123456789ABCDEF");
}

std::string generate_public_value() { return random_hex(10); }

Result<std::string> generate_secret(std::string_view without) {
    constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string letters;
    for (const char letter : kBase64)
        if (without.find(letter) == std::string_view::npos) letters += letter;
    if (letters.size() < 16)
        return Error(Errc::invalid, "only " + std::to_string(letters.size()) + " characters are left for secrets",
                     "Forbid fewer of them: at least 16 are needed.");
    // Bytes that would favour some letters are thrown away.
    const auto fair = 256 / letters.size() * letters.size();
    std::string secret(40, '\0');
    for (std::size_t made = 0; made < secret.size();) {
        std::array<unsigned char, 64> random{};
        fill_random(random);
        for (const auto byte : random)
            if (byte < fair && made < secret.size()) secret[made++] = letters[byte % letters.size()];
        OPENSSL_cleanse(random.data(), random.size());
    }
    return secret;
}

std::string hash_generated_secret(std::string_view secret) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
    return std::string(kFast) + hex(digest);
}

Result<std::string> hash_chosen_secret(std::string_view secret) {
    if (secret.empty() || secret.size() > kLongestSecret)
        return Error(Errc::invalid, "a secret of " + std::to_string(secret.size()) + " bytes was given",
                     "It takes 1 to 4,096 bytes.");
    Slow how;
    how.salt.resize(kSaltBytes);
    fill_random(how.salt);
    std::array<unsigned char, kKeyBytes> key{};
    if (!derive(secret, how, key))
        return Error(Errc::exhausted, "the secret could not be hashed", "It takes 16 MB of memory: try again.");
    return std::string(kSlow) + std::to_string(how.log_n) + ":" + std::to_string(how.r) + ":" + std::to_string(how.p) +
           ":" + hex(how.salt) + ":" + hex(key);
}

bool verify_secret(std::string_view secret, std::string_view stored) {
    if (secret.empty() || secret.size() > kLongestSecret) return false;
    if (stored.starts_with(kFast)) return equal_in_constant_time(hash_generated_secret(secret), stored);
    const auto slow = parse_slow(stored);
    if (!slow) return false;
    std::array<unsigned char, kKeyBytes> key{};
    return derive(secret, *slow, key) && CRYPTO_memcmp(key.data(), slow->key.data(), key.size()) == 0;
}

bool is_slow_secret(std::string_view stored) { return stored.starts_with(kSlow); }

bool is_hashed_secret(std::string_view stored) {
    if (stored.starts_with(kFast)) {
        const auto digest = unhex(stored.substr(kFast.size()));
        return digest && digest->size() == SHA256_DIGEST_LENGTH;
    }
    return parse_slow(stored).has_value();
}

bool equal_in_constant_time(std::string_view one, std::string_view other) {
    return one.size() == other.size() && CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

}  // namespace drover
