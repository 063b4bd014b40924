#include "json_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace drover::rest {
namespace {

/// How many bytes the character at the begin of `text` takes; 0 when it is none (RFC 3629, section 4).
std::size_t character_at(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto follows = [&](std::size_t i, unsigned least, unsigned most) {
        return i < text.size() && byte(i) >= least && byte(i) <= most;
    };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1, 0x80, 0xBF) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
        const unsigned least = first == 0xE0 ? 0xA0 : 0x80;
        const unsigned most = first == 0xED ? 0x9F : 0xBF;
        return follows(1, least, most) && follows(2, 0x80, 0xBF) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        const unsigned least = first == 0xF0 ? 0x90 : 0x80;
        const unsigned most = first == 0xF4 ? 0x8F : 0xBF;
        return follows(1, least, most) && follows(2, 0x80, 0xBF) && follows(3, 0x80, 0xBF) ? 4 : 0;
    }
    return 0;
}

/// Stands as it is inside quotes.
constexpr auto kPlain = [] {
    std::array<bool, 256> plain{};
    for (unsigned i = 0x20; i < 0x80; ++i) plain[i] = i != '"' && i != '\\';
    return plain;
}();

void append_escaped(std::string& out, unsigned char c) {
    switch (c) {
        case '"': out += "\\\""; return;
        case '\\': out += "\\\\"; return;
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    out += "\\u00";
    out += kDigits[c >> 4];
    out += kDigits[c & 15];
}

}  // namespace

void append_text(std::string& out, std::string_view text) {
    out += '"';
    std::size_t begin = 0;
    for (std::size_t i = 0; i < text.size();) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (kPlain[c]) {
            ++i;
            continue;
        }
        if (c < 0x80) {
            out.append(text, begin, i - begin);
            append_escaped(out, c);
            begin = ++i;
            continue;
        }
        if (const auto size = character_at(text.substr(i)); size > 0) {
            i += size;
            continue;
        }
        out.append(text, begin, i - begin);
        out += "\xEF\xBF\xBD";
        begin = ++i;
    }
    out.append(text, begin, text.size() - begin);
    out += '"';
}

void append_number(std::string& out, std::int64_t number) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

void append_real(std::string& out, double number) {
    if (!std::isfinite(number)) {
        out += "null";  // JSON has no such number
        return;
    }
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
    out.append(digits.data(), end);
}

std::string format_date(std::int64_t milliseconds) {
    using namespace std::chrono;
    constexpr std::int64_t kFirst = -62'167'219'200'000;  // 0000-01-01T00:00:00Z
    constexpr std::int64_t kLast = 253'402'300'799'000;   // 9999-12-31T23:59:59Z
    const auto clamped = std::clamp(milliseconds, kFirst, kLast);
    const auto moment = floor<seconds>(sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(clamped)));
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss time(moment - day);
    std::string text = "0000-00-00T00:00:00Z";
    const auto put = [&](std::size_t at, std::size_t digits, unsigned number) {
        for (std::size_t k = digits; k > 0; --k, number /= 10) text[at + k - 1] = static_cast<char>('0' + number % 10);
    };
    put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
    put(5, 2, static_cast<unsigned>(date.month()));
    put(8, 2, static_cast<unsigned>(date.day()));
    put(11, 2, static_cast<unsigned>(time.hours().count()));
    put(14, 2, static_cast<unsigned>(time.minutes().count()));
    put(17, 2, static_cast<unsigned>(time.seconds().count()));
    return text;
}

std::optional<std::int64_t> parse_date(std::string_view text) {
    using namespace std::chrono;
    // 2014-05-30T12:00:00Z, or .123Z
    if (text.size() < 20 || text.size() > 30 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text.back() != 'Z')
        return std::nullopt;
    const auto number = [&](std::size_t at, std::size_t size) -> int {
        int value = 0;
        for (std::size_t i = at; i < at + size; ++i) {
            if (text[i] < '0' || text[i] > '9') return -1;
            value = value * 10 + (text[i] - '0');
        }
        return value;
    };
    const int y = number(0, 4), mo = number(5, 2), d = number(8, 2);
    const int h = number(11, 2), mi = number(14, 2), s = number(17, 2);
    if (y < 0 || mo < 1 || d < 1 || h < 0 || h > 23 || mi < 0 || mi > 59 || s < 0 || s > 60) return std::nullopt;
    const year_month_day date{year(y), month(static_cast<unsigned>(mo)), day(static_cast<unsigned>(d))};
    if (!date.ok()) return std::nullopt;
    std::int64_t fraction = 0;
    if (text.size() > 20) {
        const auto digits = text.substr(20, text.size() - 21);
        if (text[19] != '.' || digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
            return std::nullopt;
        std::int64_t unit = 100;
        for (const char c : digits) {
            fraction += (c - '0') * unit;
            unit /= 10;
        }
    }
    const auto moment = sys_days(date) + hours(h) + minutes(mi) + seconds(s);
    return duration_cast<milliseconds>(moment.time_since_epoch()).count() + fraction;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto size = character_at(text);
        if (size == 0) return false;
        text.remove_prefix(size);
    }
    return true;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

}  // namespace drover::rest
