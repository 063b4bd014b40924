#pragma once

#include <string>
#include <string_view>

namespace drover::http_beast {

/// What a server answers to the client's key, to show that it speaks WebSocket (RFC 6455, section 4.2.2).
std::string web_socket_accept(std::string_view key);

}  // namespace drover::http_beast
