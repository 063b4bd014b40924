#include "cli/text.hpp"

#include <algorithm>
#include <iterator>

namespace drover::cli {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

template <std::size_t N>
bool within(const Range (&ranges)[N], char32_t code) {
    const auto* above = std::upper_bound(std::begin(ranges), std::end(ranges), code,
                                         [](char32_t c, const Range& r) { return c < r.first; });
    return above != std::begin(ranges) && code <= (above - 1)->last;
}

/// Marks that are drawn over the character before them. (Sorted.)
constexpr Range kCombining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf},   {0x05c1, 0x05c2},   {0x05c4, 0x05c5},
    {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670}, {0x06d6, 0x06dc},   {0x06df, 0x06e4},   {0x0900, 0x0902},
    {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d}, {0x0e31, 0x0e31},   {0x0e34, 0x0e3a},   {0x0e47, 0x0e4e},
    {0x1160, 0x11ff}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200d, 0x200d},   {0x20d0, 0x20f0},   {0x302a, 0x302d},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}, {0xe0100, 0xe01ef},
};
/// East Asian wide and full width characters, and emoji. (Sorted.)
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},   {0x2614, 0x2615},   {0x2648, 0x2653},
    {0x2705, 0x2705},   {0x270a, 0x270b},   {0x2728, 0x2728},   {0x274c, 0x274c},   {0x2753, 0x2755},
    {0x2795, 0x2797},   {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2e80, 0x303e},   {0x3041, 0x33ff},
    {0x3400, 0x4dbf},   {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};
/// Besides C0, DEL and C1: invisible, or turning the text around.
constexpr Range kSteering[] = {
    {0x00ad, 0x00ad}, {0x061c, 0x061c}, {0x180e, 0x180e}, {0x200b, 0x200c}, {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f},
};

constexpr char kHex[] = "0123456789abcdef";

void append_escape(std::string& out, const Character& character) {
    const auto code = character.code;
    switch (code) {
        case '\n': out += "\\n"; return;
        case '\r': out += "\\r"; return;
        case '\t': out += "\\t"; return;
        default: break;
    }
    int digits = 2;
    out += '\\';
    if (!character.valid || code < 0x80) out += 'x';
    else if (code <= 0xffff) out += 'u', digits = 4;
    else out += 'U', digits = 8;
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(code >> shift) & 0xf];
}

std::string escape(std::string_view text, bool keep_lines) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto character = next_character(text);
        if (keep_lines && character.code == '\n') out += '\n';
        else if (!character.valid || steers_terminal(character.code)) append_escape(out, character);
        else out.append(text.substr(0, character.bytes));
        text.remove_prefix(character.bytes);
    }
    return out;
}

std::size_t width_of(char32_t code) {
    if (code < 0x300) return 1;
    if (within(kCombining, code)) return 0;
    return within(kWide, code) ? 2 : 1;
}

}  // namespace

Character next_character(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const Character broken{byte(0), 1, false};
    const auto first = byte(0);
    if (first < 0x80) return {first, 1, true};
    const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return broken;
    char32_t code = first & (0x7f >> bytes);
    for (std::size_t i = 1; i < bytes; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return broken;
        code = (code << 6) | (byte(i) & 0x3f);
    }
    const bool too_long = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
    if (too_long || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return broken;
    return {code, bytes, true};
}

bool steers_terminal(char32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0xad && within(kSteering, code));
}

std::string printable(std::string_view text) { return escape(text, false); }
std::string printable_lines(std::string_view text) { return escape(text, true); }

std::size_t display_width(std::string_view text) {
    std::size_t width = 0;
    while (!text.empty()) {
        const auto character = next_character(text);
        width += width_of(character.code);
        text.remove_prefix(character.bytes);
    }
    return width;
}

std::string cut_to_width(std::string_view text, std::size_t width) {
    if (display_width(text) <= width) return std::string(text);
    std::string out;
    std::size_t used = 1;  // the ellipsis
    while (!text.empty()) {
        const auto character = next_character(text);
        used += width_of(character.code);
        if (used > width) break;
        out.append(text.substr(0, character.bytes));
        text.remove_prefix(character.bytes);
    }
    return width == 0 ? out : out + "…";
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
}

}  // namespace drover::cli
