#include "message_head.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <limits>

#include "text.hpp"

namespace drover::http_beast {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::size_t kLongestMethod = 32;

/// Beast's parser, fed a complete head, filling our request. Bodies are read elsewhere.
class HeadParser final : public http::basic_parser<true> {
public:
    explicit HeadParser(HttpRequest& request) : request_(request) { skip(true); }

private:
    static std::string text(string_view view) { return {view.data(), view.size()}; }

    void on_request_impl(http::verb, string_view method, string_view target, int, error_code& ec) override {
        request_.method = text(method);
        request_.target = text(target);
        ec = {};
    }
    void on_field_impl(http::field, string_view name, string_view value, error_code& ec) override {
        request_.headers.add(text(name), text(value));
        ec = {};
    }
    void on_header_impl(error_code& ec) override { ec = {}; }
    void on_finish_impl(error_code& ec) override { ec = {}; }

    // Not reached: the body is skipped, and these are requests.
    void on_response_impl(int, string_view, int, error_code& ec) override { ec = http::error::bad_version; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override {
        ec = http::error::unexpected_body;
    }
    std::size_t on_body_impl(string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
        return 0;
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
        return 0;
    }

    HttpRequest& request_;
};

/// uri-host [ ":" port ], as strict as a router of virtual hosts would wish.
bool valid_host(std::string_view host) {
    if (host.empty()) return true;
    std::string_view port;
    if (host.front() == '[') {
        const auto end = host.find(']');
        if (end == std::string_view::npos || end < 3) return false;
        const auto literal = host.substr(1, end - 1);
        if (!std::all_of(literal.begin(), literal.end(), [](char c) {
                return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f') || c == ':' || c == '.';
            }))
            return false;
        port = host.substr(end + 1);
        if (!port.empty() && port.front() != ':') return false;
        if (!port.empty()) port.remove_prefix(1);
    } else {
        const auto colon = host.find(':');
        const auto name = host.substr(0, colon);
        if (name.empty()) return false;
        if (!std::all_of(name.begin(), name.end(), [](char c) {
                return is_digit(c) || is_alpha(c) ||
                       std::string_view("-._~!$&'()*+;=%").find(c) != std::string_view::npos;
            }))
            return false;
        if (colon != std::string_view::npos) port = host.substr(colon + 1);
    }
    return port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

/// What the rules ask of a head as a whole.
struct Seen {
    int hosts = 0;
    int lengths = 0;
    int codings = 0;
    int expectations = 0;
    bool close = false;
    bool keep = false;
};

std::optional<Refusal> take_field(std::string_view line, MessageHead& head, Seen& seen) {
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    switch (name.size()) {
        case 4:
            if (same_word(name, "host")) {
                if (++seen.hosts > 1) return Refusal{400, "More than one Host header."};
                if (!valid_host(value)) return Refusal{400, "The Host header is not a host with an optional port."};
            }
            break;
        case 6:
            if (same_word(name, "expect")) {
                if (++seen.expectations > 1 || !same_word(value, "100-continue"))
                    return Refusal{417, "The only expectation met here is 100-continue."};
                head.expects_continue = true;
            }
            break;
        case 10:
            if (same_word(name, "connection")) {
                seen.close = seen.close || has_element(value, "close");
                seen.keep = seen.keep || has_element(value, "keep-alive");
            }
            break;
        case 14:
            if (same_word(name, "content-length")) {
                if (++seen.lengths > 1) return Refusal{400, "More than one Content-Length header."};
                if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit))
                    return Refusal{400, "Content-Length is not a decimal number."};
                std::uint64_t length = 0;
                for (const char digit : value) {
                    const auto next = static_cast<std::uint64_t>(digit - '0');
                    if (length > (std::numeric_limits<std::uint64_t>::max() - next) / 10)
                        return Refusal{400, "Content-Length is out of range."};
                    length = length * 10 + next;
                }
                head.content_length = length;
            }
            break;
        case 17:
            if (same_word(name, "transfer-encoding")) {
                if (++seen.codings > 1) return Refusal{400, "More than one Transfer-Encoding header."};
                if (!same_word(value, "chunked"))
                    return Refusal{501, "The only transfer coding known here is chunked."};
                head.chunked = true;
            }
            break;
        default: break;
    }
    return std::nullopt;
}

std::optional<Refusal> take_target(std::string_view method, std::string_view target, HttpRequest& request) {
    if (method == "CONNECT") return Refusal{501, "This is not a proxy: CONNECT is not served."};
    for (const char c : target)
        if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '#')
            return Refusal{400, "The request target has a character that must be percent-encoded."};
    auto rest = target;
    if (target.front() != '/') {
        if (target == "*" && method == "OPTIONS") {
            request.path = "*";
            return std::nullopt;
        }
        // absolute-form: the target's host counts, not the header's (RFC 9112, section 3.2.2).
        const auto scheme = target.find("://");
        if (scheme == std::string_view::npos ||
            !(same_word(target.substr(0, scheme), "http") || same_word(target.substr(0, scheme), "https")))
            return Refusal{400, "The request target is neither a path nor an http URL."};
        rest = target.substr(scheme + 3);
        const auto end = std::min(rest.find_first_of("/?"), rest.size());
        const auto host = rest.substr(0, end);
        if (host.empty() || !valid_host(host)) return Refusal{400, "The request target names no valid host."};
        request.headers.set("Host", std::string(host));
        rest.remove_prefix(end);
    }
    const auto mark = rest.find('?');
    request.path = std::string(rest.substr(0, mark));
    if (request.path.empty()) request.path = "/";
    if (mark != std::string_view::npos) request.query = std::string(rest.substr(mark + 1));
    return std::nullopt;
}

/// "GET /path HTTP/1.1", without its CRLF.
std::optional<Refusal> check_request_line(std::string_view line, const HttpLimits& limits, MessageHead& head) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last || !is_token(line.substr(0, first)))
        return Refusal{400, "The request line is not METHOD TARGET HTTP/1.1."};
    const auto method = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    if (target.empty() || target.find_first_of(" \t") != std::string_view::npos)
        return Refusal{400, "The request line is not METHOD TARGET HTTP/1.1."};
    if (target.size() > limits.target_bytes) return Refusal{414, "The request target is too long."};
    if (version.size() != 8 || version.substr(0, 5) != "HTTP/" || !is_digit(version[5]) || version[6] != '.' ||
        !is_digit(version[7]))
        return Refusal{400, "The request line does not end with an HTTP version."};
    if (version != "HTTP/1.1" && version != "HTTP/1.0")
        return Refusal{505, "The HTTP versions served here are 1.1 and 1.0."};
    head.http11 = version[7] == '1';
    if (method.size() > kLongestMethod || !std::all_of(method.begin(), method.end(), [](char c) {
            return (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_';
        }))
        return Refusal{501, "The method is not known here."};
    return std::nullopt;
}

}  // namespace

bool valid_field_line(std::string_view line) {
    const auto colon = line.find(':');
    return colon != std::string_view::npos && is_token(line.substr(0, colon)) &&
           std::all_of(line.begin() + static_cast<std::ptrdiff_t>(colon), line.end(), is_field_char);
}

std::string_view websocket_key(const MessageHead& head, const HttpRequest& request) {
    const auto& headers = request.headers;
    if (!headers.has("Upgrade") || !head.http11 || request.method != "GET" || head.chunked || head.content_length > 0)
        return {};
    const auto any_has = [&](std::string_view name, std::string_view element) {
        return std::any_of(headers.list().begin(), headers.list().end(), [&](const auto& header) {
            return same_word(header.first, name) && has_element(header.second, element);
        });
    };
    if (!any_has("Connection", "upgrade") || !any_has("Upgrade", "websocket")) return {};
    if (headers.get("Sec-WebSocket-Version") != "13") return {};
    // 16 bytes in base64.
    const auto key = headers.get("Sec-WebSocket-Key");
    const bool valid = key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.end() - 2, [](char c) {
                           return is_digit(c) || is_alpha(c) || c == '+' || c == '/';
                       });
    return valid ? key : std::string_view{};
}

HeadScan scan_head(std::string_view bytes, const HttpLimits& limits) {
    HeadScan scan;
    // One empty line before a request is forgiven (RFC 9112, section 2.2).
    if (bytes.starts_with("\r\n")) scan.skipped = 2;
    else if (bytes == "\r") return scan;
    bytes.remove_prefix(scan.skipped);
    if (bytes.empty()) return scan;

    // What does not begin like a method never becomes a request: do not wait for the rest of it.
    const auto word = bytes.substr(0, kLongestMethod + 1);
    const auto method_end = std::find_if_not(word.begin(), word.end(), is_token_char);
    if (method_end == word.begin() || (method_end == word.end() && word.size() > kLongestMethod) ||
        (method_end != word.end() && *method_end != ' ')) {
        scan.refusal = Refusal{400, "This is not an HTTP request."};
        return scan;
    }
    const auto end = bytes.find("\r\n\r\n");
    if (end != std::string_view::npos && end + 4 <= limits.header_bytes) {
        scan.size = end + 4;
        return scan;
    }
    // A line that ends with LF alone may never bring the empty line that others see: say so at once.
    for (auto lf = bytes.find('\n'); lf != std::string_view::npos; lf = bytes.find('\n', lf + 1)) {
        if (bytes[lf - 1] == '\r') continue;
        scan.refusal = Refusal{400, "A line does not end with CR LF."};
        return scan;
    }
    const auto line_end = bytes.substr(0, limits.header_bytes + 1).find("\r\n");
    if (line_end == std::string_view::npos) {
        // Method, two spaces and version come on top of the target.
        if (bytes.size() > std::min(limits.header_bytes, limits.target_bytes + kLongestMethod + 11))
            scan.refusal = Refusal{414, "The request target is too long."};
    } else if (bytes.size() > limits.header_bytes || end != std::string_view::npos) {
        MessageHead ignored;
        scan.refusal = check_request_line(bytes.substr(0, line_end), limits, ignored);
        if (!scan.refusal) scan.refusal = Refusal{431, "The request headers are too large."};
    }
    return scan;
}

std::optional<Refusal> read_head(std::string_view head, const HttpLimits& limits, MessageHead& out,
                                 HttpRequest& request) {
    Seen seen;
    auto rest = head;
    bool first = true;
    for (;;) {
        const auto end = rest.find('\n');
        if (end == 0 || rest[end - 1] != '\r') return Refusal{400, "A line does not end with CR LF."};
        const auto line = rest.substr(0, end - 1);
        rest.remove_prefix(end + 1);
        if (first) {
            if (auto refusal = check_request_line(line, limits, out)) return refusal;
            first = false;
            continue;
        }
        if (line.empty()) break;
        if (line.front() == ' ' || line.front() == '\t')
            return Refusal{400, "A header line begins with a blank: folded headers are not accepted."};
        if (!valid_field_line(line)) return Refusal{400, "A header line is not NAME: VALUE."};
        if (auto refusal = take_field(line, out, seen)) return refusal;
    }
    if (!rest.empty()) return Refusal{400, "The headers end too early."};
    if (out.http11 && seen.hosts == 0) return Refusal{400, "The Host header is missing."};
    if (seen.codings > 0 && seen.lengths > 0)
        return Refusal{400, "Both Content-Length and Transfer-Encoding are given."};
    if (seen.codings > 0 && !out.http11) return Refusal{400, "HTTP/1.0 has no Transfer-Encoding."};
    out.keep_alive = !seen.close && (out.http11 || seen.keep);
    if (!out.http11) out.expects_continue = false;

    HeadParser parser(request);
    parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(head.size() + 1, UINT32_MAX)));
    error_code ec;
    const auto used = parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
    if (ec || used != head.size() || !parser.is_done()) return Refusal{400, "The request head is malformed."};
    return take_target(request.method, request.target, request);
}

}  // namespace drover::http_beast
