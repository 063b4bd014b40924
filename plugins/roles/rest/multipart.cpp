// multipart/form-data (RFC 7578), as `curl -F` sends it.
#include "errors.hpp"
#include "json_text.hpp"
#include "parameters.hpp"

namespace drover::rest {
namespace {

Error malformed(std::string why) { return refusal(400, "InvalidBodyContent", {}, "multipart: " + std::move(why)); }

/// A parameter of a header such as `form-data; name="a"`; none when it is not there.
std::optional<std::string> attribute(std::string_view header, std::string_view name) {
    auto rest = header.substr(std::min(header.find(';'), header.size()));
    while (!rest.empty()) {
        rest.remove_prefix(1);  // the ';'
        const auto begin = rest.find_first_not_of(" \t");
        if (begin == std::string_view::npos) return std::nullopt;
        rest.remove_prefix(begin);
        const auto equals = rest.find_first_of("=;");
        if (equals == std::string_view::npos || rest[equals] == ';') {
            rest.remove_prefix(std::min(equals, rest.size()));
            continue;
        }
        const auto key = lower(rest.substr(0, equals));
        rest.remove_prefix(equals + 1);
        std::string value;
        if (!rest.empty() && rest.front() == '"') {
            std::size_t i = 1;
            for (; i < rest.size() && rest[i] != '"'; ++i) {
                if (rest[i] == '\\' && i + 1 < rest.size()) ++i;
                value += rest[i];
            }
            if (i >= rest.size()) return std::nullopt;  // the quote never closes
            rest.remove_prefix(i + 1);
        } else {
            const auto end = std::min(rest.find(';'), rest.size());
            value = std::string(rest.substr(0, end));
            while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
        }
        rest.remove_prefix(std::min(rest.find(';'), rest.size()));
        if (key == name) return value;
    }
    return std::nullopt;
}

/// The header of that name in a part's head; empty when there is none.
std::string_view header_of(std::string_view head, std::string_view name) {
    while (!head.empty()) {
        const auto end = std::min(head.find("\r\n"), head.size());
        const auto line = head.substr(0, end);
        head.remove_prefix(std::min(end + 2, head.size()));
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && lower(line.substr(0, colon)) == name) return line.substr(colon + 1);
    }
    return {};
}

}  // namespace

Result<void> add_multipart(std::string_view content_type, std::string_view body, Parameters& into) {
    if (body.size() > kLargestMultipart)
        return refusal(413, "Request Entity Too Long", {},
                       "a multipart body takes at most " + std::to_string(kLargestMultipart) + " bytes");
    const auto boundary = attribute(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > 70) return malformed("the Content-Type names no boundary");
    const auto delimiter = "\r\n--" + *boundary;
    // The first delimiter may stand at the very begin, without the line break before it.
    const auto first_at = body.starts_with(std::string_view(delimiter).substr(2)) ? 0 : body.find(delimiter);
    if (first_at == std::string_view::npos) return malformed("the body holds no boundary");
    auto rest = body.substr(first_at + delimiter.size() - (first_at == 0 ? 2 : 0));
    std::size_t parts = 0;
    while (!rest.starts_with("--")) {
        const auto line_end = rest.find("\r\n");
        if (line_end == std::string_view::npos) return malformed("a boundary is not followed by a line break");
        if (rest.substr(0, line_end).find_first_not_of(" \t") != std::string_view::npos)
            return malformed("a boundary is followed by something else");
        rest.remove_prefix(line_end);
        const auto head_end = rest.find("\r\n\r\n");
        const auto part_end = rest.find(delimiter);
        if (head_end == std::string_view::npos || part_end == std::string_view::npos || head_end > part_end)
            return malformed("a part has no end");
        if (++parts > kMostParameters)
            return invalid_field("MaxLimitExceeded", {},
                                 "more than " + std::to_string(kMostParameters) + " parts in one body");
        const auto disposition =
            header_of(rest.substr(2, std::max<std::size_t>(head_end, 2) - 2), "content-disposition");
        const auto content_begin = head_end + 4;
        const auto name = attribute(disposition, "name");
        if (!name) return malformed("a part has no name");
        if (name->size() > kLongestParameterName) return malformed("the name of a part is too long");
        if (!attribute(disposition, "filename")) {
            const auto content = part_end > content_begin ? rest.substr(content_begin, part_end - content_begin) : "";
            if (!is_utf8(content) || !is_utf8(*name)) return malformed("a part is not UTF-8");
            into[*name].emplace_back(content);
        }
        rest.remove_prefix(part_end + delimiter.size());
    }
    return ok;
}

}  // namespace drover::rest
