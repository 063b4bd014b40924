#pragma once

#include <string_view>

#include "drover/services/http_front.hpp"

/// What Beast knows of HTTP: a second opinion on every head, and the names of the statuses.
namespace drover::http_beast {

enum class SecondReading : unsigned char {
    same,
    refused,   ///< one of its rules is stricter than ours
    different  ///< the same bytes mean something else to it
};

/// What Beast makes of a `head` that our own rules read into `request`. A request passes when both readers agree
/// (docs/decisions).
SecondReading read_by_beast(std::string_view head, const HttpRequest& request);

/// "Not Found" for 404; static text, for any number.
std::string_view reason_phrase(int status);

}  // namespace drover::http_beast
