#pragma once

#include "drover/services/http_front.hpp"

namespace [[gnu::visibility("default")]] drover {

/// For a port without authentication: it may be reached from this machine only, and not by a web page that
/// a browser on this machine shows. Errors: denied, when the address to listen on is not loopback.
Result<void> check_loopback_only(const Address& listen, std::string_view key);

/// Refuses a request whose Host or Origin is not this machine: a web page elsewhere, or a name that was
/// rebound to loopback (DNS rebinding). Also for WebSocket upgrades. Errors: denied.
Result<void> check_local_origin(const HttpRequest& request);

}  // namespace drover
