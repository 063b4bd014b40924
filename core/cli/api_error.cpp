// What the API's errors say to a person: most carry a code and a field, but no sentence.
#include <boost/json.hpp>

#include <array>

#include "cli/client.hpp"
#include "cli/text.hpp"
#include "drover/json.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

struct Meaning {
    std::string_view code;
    std::string_view sentence;  ///< of a field; or of the request when there is none
};
constexpr std::array kMeanings{
    Meaning{"MissingRequired", "is required"},
    Meaning{"InvalidReference", "names nothing that exists or that you may see"},
    Meaning{"NotNullable", "must have a value"},
    Meaning{"NotUnique", "is taken by another"},
    Meaning{"MinLimitExceeded", "is too small"},
    Meaning{"MaxLimitExceeded", "is too large"},
    Meaning{"MinLengthExceeded", "is too short"},
    Meaning{"MaxLengthExceeded", "is too long"},
    Meaning{"InvalidOption", "is none of the values allowed"},
    Meaning{"InvalidCharacters", "contains characters that are not allowed"},
    Meaning{"InvalidDateFormat", "is not a date such as 2014-06-01T12:00:00Z"},
    Meaning{"InvalidFormat", "has a value of the wrong kind"},
    Meaning{"InvalidAction", "is not an action of this type"},
    Meaning{"ActionNotAvailable", "this resource does not have that action"},
    Meaning{"InvalidBodyContent", "the body is not what the API expects"},
    Meaning{"UnsupportedVersion", "the API does not have the version that the URL names"},
};

std::string_view meaning_of(std::string_view code) {
    for (const auto& one : kMeanings)
        if (one.code == code) return one.sentence;
    return {};
}

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    const auto* text = value ? value->if_string() : nullptr;
    return text ? std::string(*text) : std::string();
}

Errc kind_of(unsigned status) {
    switch (status) {
        case 401:
        case 403: return Errc::denied;
        case 404: return Errc::not_found;
        case 409: return Errc::conflict;
        case 408: return Errc::timeout;
        case 429: return Errc::exhausted;
        case 503: return Errc::unavailable;
        default: return status >= 400 && status < 500 ? Errc::invalid : Errc::internal;
    }
}

/// `told`: the API itself said more than its code.
std::string hint_for(unsigned status, const std::string& code, bool told) {
    if (status == 401)
        return "Set DROVER_ACCESS_KEY and DROVER_SECRET_KEY, or write them into ~/.config/drover/credentials "
               "(mode 600).";
    if (status == 403) return "The account of these keys may not do this.";
    if (status == 409 && !told)
        return "Either the resource is in a state that does not allow this, another request holds it, or its uuid is "
               "taken; look at it with drover get, and at what holds it with drover process list.";
    if (code == "UnsupportedVersion") return "The URL should end in /v1.";
    return "";
}

}  // namespace

Error error_of_answer(const std::string& what, unsigned status, const std::string& body) {
    const auto parsed = parse_json(body);
    std::string sentence = what + ": " + std::to_string(status);
    std::string code;
    bool told = false;
    if (const auto* document = parsed ? parsed->if_object() : nullptr) {
        code = text_of(*document, "code");
        const auto field = text_of(*document, "fieldName");
        const auto message = text_of(*document, "message");
        const auto detail = text_of(*document, "detail");
        const auto meaning = meaning_of(code);
        if (!code.empty()) sentence += " " + printable(code);
        if (!field.empty()) sentence += ", field " + printable(field);
        // The API's own words where it has some; else what its code means.
        std::string said = message == code ? "" : message;
        if (!detail.empty() && detail != said) said += said.empty() ? detail : " (" + detail + ")";
        told = !said.empty();
        if (told) sentence += ": " + printable(said);
        else if (!meaning.empty()) sentence += (field.empty() ? ": " : " ") + std::string(meaning);
    } else if (!body.empty()) {
        sentence += ": " + printable(body.substr(0, 200));
    }
    return Error(kind_of(status), sentence, hint_for(status, code, told))
        .with_detail("status", std::to_string(status))
        .with_detail("code", code);
}

}  // namespace drover::cli
