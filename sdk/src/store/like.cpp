#include <string_view>

#include "drover/store/query.hpp"
#include "fits.hpp"

namespace drover {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }
bool continues(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// Where the character after the one at `at` begins.
std::size_t next_character(std::string_view text, std::size_t at) {
    ++at;
    while (at < text.size() && continues(byte_at(text, at))) ++at;
    return at;
}

}  // namespace

bool like_matches(std::string_view text, std::string_view pattern) {
    std::size_t t = 0;
    std::size_t p = 0;
    // Where to go on when what follows the last % fits no longer: one byte further. So the cost is at most
    // the product of both lengths, whatever the pattern.
    std::size_t retry_pattern = std::string_view::npos;
    std::size_t retry_text = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '%') {
            retry_pattern = ++p;
            retry_text = t;
            continue;
        }
        if (p < pattern.size() && pattern[p] == '_' && !continues(byte_at(text, t))) {
            ++p;
            t = next_character(text, t);
            continue;
        }
        if (p < pattern.size() && pattern[p] != '_') {
            // A backslash at the very end stands for itself.
            const std::size_t literal = pattern[p] == '\\' && p + 1 < pattern.size() ? p + 1 : p;
            if (pattern[literal] == text[t]) {
                p = literal + 1;
                ++t;
                continue;
            }
        }
        if (retry_pattern == std::string_view::npos) return false;
        p = retry_pattern;
        t = ++retry_text;
    }
    while (p < pattern.size() && pattern[p] == '%') ++p;
    return p == pattern.size();
}

namespace store_detail {

bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto lead = byte_at(text, i);
        if (lead < 0x80) {
            ++i;
            continue;
        }
        const std::size_t more = lead >= 0xC2 && lead <= 0xDF   ? 1
                                 : lead >= 0xE0 && lead <= 0xEF ? 2
                                 : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                                : 0;
        if (more == 0 || text.size() - i <= more) return false;
        const auto second = byte_at(text, i + 1);
        const unsigned char least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned char most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (second < least || second > most) return false;
        for (std::size_t k = 2; k <= more; ++k)
            if (!continues(byte_at(text, i + k))) return false;
        i += more + 1;
    }
    return true;
}

}  // namespace store_detail
}  // namespace drover
