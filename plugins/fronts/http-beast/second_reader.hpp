#pragma once

#include <string_view>

#include "drover/services/http_front.hpp"

/// What Beast knows of HTTP: a second opinion on every head, and the names of the statuses.
namespace drover::http_beast {

/// True when Beast reads `head` too, and reads the same out of it as our own rules put into `request`.
/// A request passes when both readers agree (docs/decisions).
bool beast_agrees(std::string_view head, const HttpRequest& request);

/// "Not Found" for 404; static text, for any number.
std::string_view reason_phrase(int status);

}  // namespace drover::http_beast
