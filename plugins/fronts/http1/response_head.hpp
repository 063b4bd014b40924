#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "drover/services/http_front.hpp"

namespace drover::http1 {

/// The part of an answer's head that is the front's affair.
struct HeadFacts {
    int status = 200;
    std::string_view reason{};  ///< the phrase behind the status; may be empty
    std::optional<std::uint64_t> content_length{};
    bool chunked = false;
    bool keep_alive = true;
    bool http11 = true;  ///< the client's version
    bool offers_websocket = false;
    WallTime now{};
};

/// Appends status line, headers and the empty line. False, and nothing appended, when a header cannot be
/// sent: a name that is no token, or a value with a line break, would let whoever chose it write headers.
bool append_head(std::string& out, const HeadFacts& facts, const HttpHeaders& headers);

/// The head that accepts a WebSocket; `accept` answers the client's key (RFC 6455, section 4.2.2). False as above.
bool append_upgrade_head(std::string& out, std::string_view accept, const HttpHeaders& headers);

/// True for a status that never has a body (RFC 9110, section 6.4.1).
constexpr bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace drover::http1
