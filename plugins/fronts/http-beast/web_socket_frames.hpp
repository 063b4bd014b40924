#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "drover/services/http_front.hpp"

namespace drover::http_beast {

/// Checks UTF-8 (RFC 3629) in pieces cut anywhere.
class Utf8Check {
public:
    /// False as soon as no continuation can make it valid.
    bool feed(std::string_view bytes);
    /// True when the text may end here.
    bool complete() const { return missing_ == 0; }
    void reset() { *this = Utf8Check(); }

private:
    std::uint8_t missing_ = 0;   // continuation bytes still to come
    std::uint8_t least_ = 0x80;  // the range of the next one: no overlong forms, no surrogates
    std::uint8_t most_ = 0xbf;
};

/// Reads what a WebSocket client sends (RFC 6455, section 5), from pieces cut anywhere, and holds no more
/// than the message that is not complete. No extensions.
class WebSocketFrames {
public:
    explicit WebSocketFrames(std::size_t message_limit) : limit_(message_limit) {}

    enum class Event : unsigned char { none, message, ping, pong, close, failed };
    /// Takes from the front of `bytes` up to the end of the next event; `none` when they are used up.
    Event next(std::string_view& bytes);

    /// After `message`.
    WebSocketMessage take_message();
    /// After `ping`, `pong` and `close` (there without the code).
    std::string_view payload() const { return control_; }
    /// After `close` (1005: none was given) and `failed`.
    std::uint16_t code() const { return code_; }
    /// After `failed`: one sentence.
    std::string_view why() const { return why_; }

private:
    bool take_header(std::string_view& bytes);
    Event begin_frame();
    Event take_payload(std::string_view& bytes);
    Event end_frame();
    Event end_close();
    Event fail(std::uint16_t code, std::string_view why);

    const std::size_t limit_;
    std::array<char, 14> header_{};
    std::uint8_t header_size_ = 0;     // bytes in header_
    std::uint8_t opcode_ = 0;          // of the frame
    std::uint8_t message_opcode_ = 0;  // of the message that is not complete; 0: none
    bool final_ = false;
    bool in_payload_ = false;
    std::uint8_t mask_at_ = 0;
    std::array<char, 4> mask_{};
    std::uint64_t left_ = 0;  // of the frame's payload
    std::uint16_t code_ = 0;
    Utf8Check utf8_;
    std::string_view why_;
    std::string message_;
    std::string control_;
};

enum class WebSocketOpcode : std::uint8_t { text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// One whole frame of a server: not masked.
std::string web_socket_frame(WebSocketOpcode opcode, std::string_view payload);
/// A Close; without code when it is 1005. The reason is cut to what fits.
std::string web_socket_close(std::uint16_t code, std::string_view reason);

}  // namespace drover::http_beast
