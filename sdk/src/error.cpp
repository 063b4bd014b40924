#include "drover/error.hpp"

#include <ostream>
#include <utility>
#include <vector>

#include "drover/result.hpp"

namespace drover {

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::busy: return "busy";
        case Errc::not_found: return "not_found";
        case Errc::conflict: return "conflict";
        case Errc::unavailable: return "unavailable";
        case Errc::exhausted: return "exhausted";
        case Errc::invalid: return "invalid";
        case Errc::denied: return "denied";
        case Errc::unsupported: return "unsupported";
        case Errc::cancelled: return "cancelled";
        case Errc::timeout: return "timeout";
        case Errc::internal: return "internal";
    }
    return "unknown";
}

struct Error::Body {
    Errc code;
    std::string message;
    std::string hint;
    std::vector<std::pair<std::string, std::string>> details;
};

Error::Error(Errc code, std::string message, std::string hint)
    : body_(std::make_shared<Body>(Body{code, std::move(message), std::move(hint), {}})) {}
Error::Error(std::shared_ptr<const Body> body) : body_(std::move(body)) {}

Errc Error::code() const { return body_->code; }
const std::string& Error::message() const { return body_->message; }
const std::string& Error::hint() const { return body_->hint; }

std::string_view Error::detail(std::string_view name) const {
    for (const auto& [key, value] : body_->details)
        if (key == name) return value;
    return {};
}

Error Error::in(std::string_view context) const {
    auto body = std::make_shared<Body>(*body_);
    body->message = std::string(context) + ": " + body->message;
    return Error(std::move(body));
}

Error Error::with_hint(std::string hint) const {
    auto body = std::make_shared<Body>(*body_);
    body->hint = std::move(hint);
    return Error(std::move(body));
}

Error Error::with_detail(std::string name, std::string value) const {
    auto body = std::make_shared<Body>(*body_);
    body->details.emplace_back(std::move(name), std::move(value));
    return Error(std::move(body));
}

Error Error::with_code(Errc code) const {
    auto body = std::make_shared<Body>(*body_);
    body->code = code;
    return Error(std::move(body));
}

std::string Error::describe() const {
    std::string text = message();
    if (!text.empty() && text.back() != '.' && text.back() != '?' && text.back() != '!') text += '.';
    if (!hint().empty()) text += " " + hint();
    return text;
}

std::ostream& operator<<(std::ostream& out, const Error& error) {
    return out << to_string(error.code()) << ": " << error.describe();
}

UncheckedResult::UncheckedResult(const Error& error) : std::runtime_error(error.describe()) {}

}  // namespace drover
