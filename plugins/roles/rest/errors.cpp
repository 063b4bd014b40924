#include "errors.hpp"

#include <charconv>

#include "json_text.hpp"

namespace drover::rest {

std::string_view standard_text(int status) {
    switch (status) {
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method not allowed";
        case 406: return "Not acceptable";
        case 409: return "Conflict";
        case 411: return "Length Required";
        case 413: return "Request Entity Too Long";
        case 414: return "Request URI Too Long";
        case 415: return "Unsupported Media Type";
        case 422: return "Unprocessable Entity";
        case 429: return "Too Many Requests";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        default: return "Internal Server Error";
    }
}

Error refusal(int status, std::string code, std::string field, std::string sentence) {
    auto errc = Errc::invalid;
    if (status == 404) errc = Errc::not_found;
    else if (status == 409) errc = Errc::conflict;
    else if (status == 401 || status == 403) errc = Errc::denied;
    else if (status == 429) errc = Errc::exhausted;
    else if (status == 503) errc = Errc::unavailable;
    auto error = Error(errc, sentence.empty() ? code : std::move(sentence))
                     .with_detail("status", std::to_string(status))
                     .with_detail("code", std::move(code));
    return field.empty() ? error : error.with_detail("fieldName", std::move(field));
}

Error invalid_field(std::string code, std::string field, std::string sentence) {
    return refusal(422, std::move(code), std::move(field), std::move(sentence));
}

Error not_found() { return refusal(404, "Not Found"); }

namespace {

int status_of(Errc code) {
    switch (code) {
        case Errc::not_found: return 404;
        case Errc::busy:
        case Errc::conflict: return 409;
        case Errc::invalid: return 422;
        case Errc::denied: return 403;
        case Errc::unsupported: return 501;
        case Errc::exhausted:
        case Errc::unavailable:
        case Errc::cancelled:
        case Errc::timeout: return 503;
        case Errc::internal: return 500;
    }
    return 500;
}

}  // namespace

Refusal refusal_of(const Error& error) {
    Refusal told;
    const auto status = error.detail("status");
    const auto code = error.detail("code");
    told.status = status_of(error.code());
    if (!status.empty()) {
        int given = 0;
        const auto read = std::from_chars(status.data(), status.data() + status.size(), given);
        if (read.ec == std::errc() && given >= 400 && given <= 599) told.status = given;
    } else if (!code.empty() && error.code() == Errc::invalid) {
        told.status = 422;
    }
    told.field = std::string(error.detail("fieldName"));
    told.validation = told.status == 422;
    if (!code.empty()) {
        told.code = std::string(code);
        if (error.message() != code) told.detail = error.message();
        return told;
    }
    told.code = told.validation ? "InvalidFormat" : std::string(standard_text(told.status));
    if (told.field.empty()) told.field = std::string(error.detail("field"));
    if (told.status < 500 && told.status != 404) told.detail = error.message();
    return told;
}

HttpResponse json_response(int status, std::string body) {
    return {status, {{"Content-Type", "application/json; charset=utf-8"}}, std::move(body)};
}

HttpResponse error_response(int status, std::string code, std::string field, std::string message, std::string detail) {
    std::string body = R"({"id":")" + new_uuid() + R"(","type":"error","links":{},"actions":{},"status":)" +
                       std::to_string(status) + ",\"code\":";
    const bool validation = status == 422;
    append_text(body, code);
    body += ",\"message\":";
    if (!message.empty()) append_text(body, message);
    else if (validation) body += "null";
    else append_text(body, code);
    body += ",\"detail\":";
    if (detail.empty()) body += "null";
    else append_text(body, detail);
    if (validation || !field.empty()) {
        body += ",\"fieldName\":";
        if (field.empty()) body += "null";
        else append_text(body, field);
    }
    body += '}';
    return json_response(status, std::move(body));
}

HttpResponse error_response(const Error& error) {
    auto told = refusal_of(error);
    return error_response(told.status, std::move(told.code), std::move(told.field), {}, std::move(told.detail));
}

}  // namespace drover::rest
