#include "web_socket_frames.hpp"

#include <algorithm>
#include <cstring>

namespace drover::http_beast {
namespace {

constexpr std::uint8_t kContinuation = 0;
constexpr std::uint8_t kText = 1;
constexpr std::uint8_t kBinary = 2;
constexpr std::uint8_t kClose = 8;
constexpr std::uint8_t kPing = 9;
constexpr std::uint8_t kPong = 10;
constexpr std::size_t kControlBytes = 125;
/// A message that fits keeps its buffer; beyond, the buffer grows with what came, not with what was announced.
constexpr std::size_t kFirstReserve = 16 * 1024;

std::uint8_t byte_of(char c) { return static_cast<std::uint8_t>(c); }

/// Codes that may stand in a Close (RFC 6455, section 7.4).
bool valid_code(std::uint16_t code) {
    if (code >= 3000 && code <= 4999) return true;
    return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

void unmask(char* bytes, std::size_t size, const std::array<char, 4>& mask, std::uint8_t at) {
    std::array<char, 8> pattern;
    for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] = mask[(at + i) % 4];
    std::uint64_t wide = 0;
    std::memcpy(&wide, pattern.data(), sizeof wide);
    for (; size >= sizeof wide; bytes += sizeof wide, size -= sizeof wide) {
        std::uint64_t block = 0;
        std::memcpy(&block, bytes, sizeof block);
        block ^= wide;
        std::memcpy(bytes, &block, sizeof block);
    }
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ pattern[i]);
}

}  // namespace

bool Utf8Check::feed(std::string_view bytes) {
    for (const char c : bytes) {
        const auto byte = byte_of(c);
        if (missing_ > 0) {
            if (byte < least_ || byte > most_) return false;
            --missing_;
            least_ = 0x80;
            most_ = 0xbf;
            continue;
        }
        if (byte < 0x80) continue;
        if (byte >= 0xc2 && byte <= 0xdf) missing_ = 1;
        else if (byte >= 0xe0 && byte <= 0xef) missing_ = 2;
        else if (byte >= 0xf0 && byte <= 0xf4) missing_ = 3;
        else return false;
        if (byte == 0xe0) least_ = 0xa0;
        else if (byte == 0xed) most_ = 0x9f;
        else if (byte == 0xf0) least_ = 0x90;
        else if (byte == 0xf4) most_ = 0x8f;
    }
    return true;
}

WebSocketFrames::Event WebSocketFrames::fail(std::uint16_t code, std::string_view why) {
    code_ = code;
    why_ = why;
    return Event::failed;
}

bool WebSocketFrames::take_header(std::string_view& bytes) {
    for (;;) {
        std::size_t wanted = 2;
        if (header_size_ >= 2) {
            const auto length = byte_of(header_[1]) & 0x7f;
            wanted += length == 126 ? 2 : length == 127 ? 8 : 0;
            // A missing mask is refused, not waited for.
            wanted += (byte_of(header_[1]) & 0x80) != 0 ? 4 : 0;
            if (header_size_ == wanted) return true;
        }
        if (bytes.empty()) return false;
        const auto size = std::min<std::size_t>(wanted - header_size_, bytes.size());
        std::memcpy(header_.data() + header_size_, bytes.data(), size);
        header_size_ = static_cast<std::uint8_t>(header_size_ + size);
        bytes.remove_prefix(size);
    }
}

WebSocketFrames::Event WebSocketFrames::begin_frame() {
    const auto first = byte_of(header_[0]);
    const auto second = byte_of(header_[1]);
    final_ = (first & 0x80) != 0;
    opcode_ = first & 0x0f;
    if ((first & 0x70) != 0) return fail(1002, "A reserved bit is set.");
    if ((second & 0x80) == 0) return fail(1002, "A frame is not masked.");

    left_ = second & 0x7f;
    std::size_t at = 2;
    if (left_ >= 126) {
        const std::size_t size = left_ == 126 ? 2 : 8;
        const std::uint64_t least = left_ == 126 ? 126 : 0x10000;
        left_ = 0;
        for (std::size_t i = 0; i < size; ++i) left_ = left_ << 8 | byte_of(header_[at++]);
        if (left_ < least || left_ >> 63 != 0) return fail(1002, "A frame's length is not written as it must be.");
    }
    std::memcpy(mask_.data(), header_.data() + at, mask_.size());
    mask_at_ = 0;
    header_size_ = 0;

    const bool control = opcode_ >= kClose;
    if (control) {
        if (opcode_ > kPong) return fail(1002, "An operation code is unknown.");
        if (!final_ || left_ > kControlBytes) return fail(1002, "A control frame is fragmented or too long.");
        control_.clear();
    } else {
        if (opcode_ > kBinary) return fail(1002, "An operation code is unknown.");
        if ((opcode_ == kContinuation) != (message_opcode_ != 0))
            return fail(1002, "A message begins inside another, or goes on without having begun.");
        if (left_ > limit_ - std::min(limit_, message_.size())) return fail(1009, "A message is too large.");
        if (opcode_ != kContinuation) {
            message_opcode_ = opcode_;
            utf8_.reset();
        }
        if (message_.empty()) message_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(left_, kFirstReserve)));
    }
    in_payload_ = true;
    return Event::none;
}

WebSocketFrames::Event WebSocketFrames::take_payload(std::string_view& bytes) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    auto& into = opcode_ >= kClose ? control_ : message_;
    const auto before = into.size();
    into.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    left_ -= size;
    unmask(into.data() + before, size, mask_, mask_at_);
    mask_at_ = static_cast<std::uint8_t>((mask_at_ + size) % 4);
    if (opcode_ < kClose && message_opcode_ == kText && !utf8_.feed(std::string_view(into).substr(before)))
        return fail(1007, "A text is not valid UTF-8.");
    return left_ == 0 ? end_frame() : Event::none;
}

WebSocketFrames::Event WebSocketFrames::end_frame() {
    in_payload_ = false;
    switch (opcode_) {
        case kPing: return Event::ping;
        case kPong: return Event::pong;
        case kClose: return end_close();
        default: break;
    }
    if (!final_) return Event::none;
    if (message_opcode_ == kText && !utf8_.complete()) return fail(1007, "A text is not valid UTF-8.");
    return Event::message;
}

WebSocketFrames::Event WebSocketFrames::end_close() {
    if (control_.empty()) {
        code_ = 1005;
        return Event::close;
    }
    if (control_.size() == 1) return fail(1002, "A Close has half a code.");
    code_ = static_cast<std::uint16_t>(byte_of(control_[0]) << 8 | byte_of(control_[1]));
    control_.erase(0, 2);
    if (!valid_code(code_)) return fail(1002, "A Close has a code that must not be sent.");
    Utf8Check reason;
    if (!reason.feed(control_) || !reason.complete()) return fail(1007, "The reason of a Close is not valid UTF-8.");
    return Event::close;
}

WebSocketFrames::Event WebSocketFrames::next(std::string_view& bytes) {
    for (;;) {
        auto event = Event::none;
        if (!in_payload_) {
            if (!take_header(bytes)) return Event::none;
            event = begin_frame();
            if (event == Event::none && left_ == 0) event = end_frame();
        } else {
            if (bytes.empty()) return Event::none;
            event = take_payload(bytes);
        }
        if (event != Event::none) return event;
    }
}

WebSocketMessage WebSocketFrames::take_message() {
    WebSocketMessage message{message_opcode_ == kText, std::exchange(message_, {})};
    message_opcode_ = 0;
    return message;
}

std::string web_socket_frame(WebSocketOpcode opcode, std::string_view payload) {
    std::string frame;
    frame.reserve(payload.size() + 10);
    frame.push_back(static_cast<char>(0x80 | static_cast<std::uint8_t>(opcode)));
    if (payload.size() < 126) {
        frame.push_back(static_cast<char>(payload.size()));
    } else {
        const int size = payload.size() <= 0xffff ? 2 : 8;
        frame.push_back(static_cast<char>(size == 2 ? 126 : 127));
        for (int i = size - 1; i >= 0; --i)
            frame.push_back(static_cast<char>(payload.size() >> (8 * static_cast<unsigned>(i))));
    }
    frame.append(payload);
    return frame;
}

std::string web_socket_close(std::uint16_t code, std::string_view reason) {
    std::string payload;
    if (code != 1005) {
        payload.push_back(static_cast<char>(code >> 8));
        payload.push_back(static_cast<char>(code & 0xff));
        auto cut = std::min(reason.size(), kControlBytes - 2);
        // Not in the middle of a character.
        while (cut < reason.size() && cut > 0 && (byte_of(reason[cut]) & 0xc0) == 0x80) --cut;
        payload.append(reason.substr(0, cut));
    }
    return web_socket_frame(WebSocketOpcode::close, payload);
}

}  // namespace drover::http_beast
