#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "drover/result.hpp"

/// How the secrets of credentials are made, stored and checked. Stored is a text that says by which scheme it
/// was made, never the secret:
///
///   sha256:HEX                     of a random secret: nobody can guess 200 random bits, so a fast hash is enough
///   scrypt:LOGN:R:P:SALT:HEX       of a secret that a person chose, which can be guessed: each guess costs
namespace [[gnu::visibility("default")]] drover {

/// The field of a credential that holds a generated secret in plain until an administrator has read it once.
/// It is shown to nobody as such, and stands in no event, history or log.
inline constexpr std::string_view kSecretOnceField = "secretOnce";

/// `bytes` random bytes as upper-case hexadecimal digits.
std::string random_hex(std::size_t bytes);
/// A name for a generated key: 20 hexadecimal digits.
std::string generate_public_value();
/// 40 random characters out of those of Base64 without `without`.
/// Errors: invalid (fewer than 16 characters are left).
Result<std::string> generate_secret(std::string_view without = "O0lI+/=");

/// Of a secret with at least 128 random bits. Fast.
std::string hash_generated_secret(std::string_view secret);
/// Of a secret that a person chose. Takes some 50 ms and 16 MB: call it on a blocking pool.
/// Errors: invalid (empty, or longer than 4,096 bytes), exhausted (no memory for it).
Result<std::string> hash_chosen_secret(std::string_view secret);

/// Whether `secret` is the one of which `stored` was made; in the time that `stored` alone determines. False for a
/// `stored` of no known scheme. See `is_slow_secret`.
bool verify_secret(std::string_view secret, std::string_view stored);
/// True when verifying costs as much as hashing a chosen secret: call it on a blocking pool and remember the
/// answer for a short while.
bool is_slow_secret(std::string_view stored);
/// Was it made by one of the two functions above? Anything else does not verify.
bool is_hashed_secret(std::string_view stored);

/// Compares in a time that depends on the lengths only.
bool equal_in_constant_time(std::string_view one, std::string_view other);

}  // namespace drover
