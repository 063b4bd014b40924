#pragma once

#include <string>
#include <string_view>

#include "rest_api.hpp"

namespace drover::rest {

/// What a client is told about a failure.
struct Refusal {
    int status = 500;
    std::string code;
    std::string field;   ///< of validation errors
    std::string detail;  ///< a sentence for a person; empty: null
    bool validation = false;
};

/// An error that carries what the client is told: details `status`, `code`, `fieldName`. The sentence is shown
/// as `detail`, so it holds nothing but what the client sent or may know.
Error refusal(int status, std::string code, std::string field = {}, std::string sentence = {});
/// 422 with one of the contract's codes.
Error invalid_field(std::string code, std::string field, std::string sentence = {});
Error not_found();

/// What stands behind any error: that of `refusal`, of a create filter, of the engine or the store. Failures of
/// ours show nothing of themselves.
Refusal refusal_of(const Error& error);

/// "Not Found" of 404.
std::string_view standard_text(int status);

HttpResponse json_response(int status, std::string body);
HttpResponse error_response(const Error& error);

}  // namespace drover::rest
