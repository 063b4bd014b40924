#include "http1/response_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "http1/text.hpp"

namespace drover::http1 {
namespace {

void append_number(std::string& out, std::uint64_t number) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_status_line(std::string& out, int status, std::string_view reason) {
    out += "HTTP/1.1 ";
    append_number(out, static_cast<std::uint64_t>(status));
    out += ' ';
    out += reason;
    out += "\r\n";
}

/// "Date: Tue, 15 Nov 1994 08:12:31 GMT", made once a second and thread.
void append_date(std::string& out, WallTime now) {
    struct Line {
        std::time_t second = -1;
        std::size_t size = 0;
        std::array<char, 48> text{};
    };
    thread_local Line line;
    const auto second =
        static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
    if (second != line.second) {
        std::tm parts{};
        gmtime_r(&second, &parts);
        line.size = std::strftime(line.text.data(), line.text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
        line.second = second;
    }
    out.append(line.text.data(), line.size);
}

bool is_fronts_own(std::string_view name) {
    switch (name.size()) {
        case 4: return same_word(name, "date");
        case 7: return same_word(name, "upgrade");
        case 10: return same_word(name, "connection") || same_word(name, "keep-alive");
        case 14: return same_word(name, "content-length");
        case 17: return same_word(name, "transfer-encoding");
        case 20: return same_word(name, "sec-websocket-accept");
        default: return false;
    }
}

bool append_headers(std::string& out, const HttpHeaders& headers) {
    for (const auto& [name, value] : headers.list()) {
        if (!is_token(name) || !std::all_of(value.begin(), value.end(), is_field_char)) return false;
        if (is_fronts_own(name)) continue;
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    return true;
}

}  // namespace

bool append_head(std::string& out, const HeadFacts& facts, const HttpHeaders& headers) {
    const auto before = out.size();
    append_status_line(out, facts.status, facts.reason);
    append_date(out, facts.now);
    if (!append_headers(out, headers)) {
        out.resize(before);
        return false;
    }
    if (facts.content_length) {
        out += "Content-Length: ";
        append_number(out, *facts.content_length);
        out += "\r\n";
    }
    if (facts.chunked) out += "Transfer-Encoding: chunked\r\n";
    if (facts.offers_websocket) out += "Upgrade: websocket\r\n";
    if (!facts.keep_alive) out += "Connection: close\r\n";
    else if (!facts.http11) out += "Connection: keep-alive\r\n";
    out += "\r\n";
    return true;
}

bool append_upgrade_head(std::string& out, std::string_view accept, const HttpHeaders& headers) {
    const auto before = out.size();
    append_status_line(out, 101, "Switching Protocols");
    if (!append_headers(out, headers)) {
        out.resize(before);
        return false;
    }
    out += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
    out += accept;
    out += "\r\n\r\n";
    return true;
}

}  // namespace drover::http1
