#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <stdexcept>

#include "drover/conformance/http_client.hpp"

namespace drover::conformance {
namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
/// For kKey, from RFC 6455, section 1.3: not computed, so that both sides cannot be wrong in the same way.
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::array<char, 4> kMask{'\x37', '\xfa', '\x21', '\x3d'};

struct PkeyFree {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct X509Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FileClose {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

int RawFrame::close_code() const {
    if (payload.size() < 2) return 1005;
    return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
}

std::string RawFrame::close_reason() const { return payload.size() > 2 ? payload.substr(2) : std::string(); }

RawWebSocket::RawWebSocket(RawClient client, std::string_view target, std::string_view more)
    : client_(std::move(client)) {
    const std::string upgrade =
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
        std::string(kKey) + "\r\n" + std::string(more);
    if (!client_.get(target, upgrade)) throw std::runtime_error("the upgrade request could not be sent");
    const auto answer = client_.head();
    if (!answer) throw std::runtime_error("the upgrade request got no answer");
    if (answer->status != 101 || answer->header("Sec-WebSocket-Accept") != kAccept || answer->header("Upgrade").empty())
        throw std::runtime_error("the upgrade was answered with " + std::to_string(answer->status));
    acceptance_ = *answer;
}

std::string RawWebSocket::frame(int opcode, std::string_view payload, Shape shape) {
    std::string bytes;
    bytes.push_back(static_cast<char>((shape.final ? 0x80 : 0) | shape.reserved << 4 | opcode));
    const char mask_bit = shape.masked ? '\x80' : '\0';
    if (shape.length_bytes < 0) shape.length_bytes = payload.size() < 126 ? 0 : payload.size() <= 0xffff ? 2 : 8;
    if (shape.length_bytes == 0) {
        bytes.push_back(static_cast<char>(mask_bit | static_cast<char>(payload.size())));
    } else {
        bytes.push_back(static_cast<char>(mask_bit | (shape.length_bytes == 2 ? 126 : 127)));
        for (int i = shape.length_bytes - 1; i >= 0; --i)
            bytes.push_back(static_cast<char>(payload.size() >> (8 * static_cast<unsigned>(i))));
    }
    if (!shape.masked) return bytes.append(payload);
    bytes.append(kMask.data(), kMask.size());
    for (std::size_t i = 0; i < payload.size(); ++i) bytes.push_back(static_cast<char>(payload[i] ^ kMask[i % 4]));
    return bytes;
}

std::string RawWebSocket::close_payload(int code, std::string_view reason) {
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
    return payload.append(reason);
}

std::optional<RawFrame> RawWebSocket::next() {
    const auto head = client_.read(2);
    if (head.size() < 2) return std::nullopt;
    const auto first = static_cast<unsigned char>(head[0]);
    const auto second = static_cast<unsigned char>(head[1]);
    RawFrame frame{.final = (first & 0x80) != 0,
                   .reserved = first >> 4 & 7,
                   .opcode = first & 0x0f,
                   .masked = (second & 0x80) != 0,
                   .payload = {}};
    std::uint64_t size = second & 0x7f;
    if (size >= 126) {
        const auto extended = client_.read(size == 126 ? 2 : 8);
        size = 0;
        for (const char c : extended) size = size << 8 | static_cast<unsigned char>(c);
    }
    frame.payload = client_.read(size);
    if (frame.payload.size() != size) return std::nullopt;
    return frame;
}

std::optional<RawFrame> RawWebSocket::next_data() {
    for (;;) {
        auto frame = next();
        if (!frame || frame->opcode != kWsPing) return frame;
        if (!send(kWsPong, frame->payload)) return std::nullopt;
    }
}

TestCertificate make_certificate(const std::string& folder, const std::string& name) {
    constexpr long kDay = 24 * 60 * 60;
    const std::unique_ptr<EVP_PKEY, PkeyFree> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, X509Free> certificate(X509_new());
    auto* const raw = certificate.get();
    X509_set_version(raw, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(raw), 1);
    X509_gmtime_adj(X509_getm_notBefore(raw), -kDay);
    X509_gmtime_adj(X509_getm_notAfter(raw), kDay);
    X509_set_pubkey(raw, key.get());
    auto* const subject = X509_get_subject_name(raw);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(raw, subject);
    TestCertificate made{folder + "/" + name + ".crt", folder + "/" + name + ".key"};
    const std::unique_ptr<std::FILE, FileClose> certificate_file(std::fopen(made.certificate_file.c_str(), "w"));
    const std::unique_ptr<std::FILE, FileClose> key_file(std::fopen(made.key_file.c_str(), "w"));
    if (X509_sign(raw, key.get(), EVP_sha256()) == 0 || !certificate_file || !key_file ||
        PEM_write_X509(certificate_file.get(), raw) != 1 ||
        PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        throw std::runtime_error("no test certificate could be made in " + folder);
    return made;
}

}  // namespace drover::conformance
