#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "drover/services/http_front.hpp"

namespace drover::http_beast {

/// Why the front answers a request by itself.
struct Refusal {
    int status = 400;
    std::string_view why;  ///< one sentence for the client; static text
};

/// What the head of a request says about the connection and the body that follows.
struct MessageHead {
    bool http11 = true;
    bool keep_alive = true;
    bool chunked = false;
    bool expects_continue = false;
    std::uint64_t content_length = 0;
};

/// The outcome of looking at the bytes that came so far.
struct HeadScan {
    std::size_t skipped = 0;           ///< an empty line before the request line
    std::size_t size = 0;              ///< of the head with its empty line; 0 while it is not complete
    std::optional<Refusal> refusal{};  ///< it can never become a request
};

/// Looks for the end of the head, and refuses early what cannot be one.
HeadScan scan_head(std::string_view bytes, const HttpLimits& limits);

/// Reads a complete head (as delimited by `scan_head`) into `request`: once by own rules, which refuse
/// whatever another parser might read differently (docs/decisions), once by Beast's parser. A request
/// passes when both accept it.
std::optional<Refusal> read_head(std::string_view head, const HttpLimits& limits, MessageHead& out,
                                 HttpRequest& request);

/// The key of a valid WebSocket upgrade (RFC 6455, section 4.2.1); empty when it is none.
std::string_view websocket_key(const MessageHead& head, const HttpRequest& request);

/// Trailers obey the same rules as headers. `line` is without its CRLF.
bool valid_field_line(std::string_view line);

}  // namespace drover::http_beast
