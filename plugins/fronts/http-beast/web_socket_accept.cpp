#include "web_socket_accept.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <array>

namespace drover::http_beast {

std::string web_socket_accept(std::string_view key) {
    constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const auto text = std::string(key) + std::string(kGuid);
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<char, 32> accept{};
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(accept.data()), digest.data(), digest.size());
    return {accept.data(), static_cast<std::size_t>(size)};
}

}  // namespace drover::http_beast
