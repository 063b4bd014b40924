// `like` against a matcher that is slow and obvious.
#include <vector>

#include "drover/store/query.hpp"
#include "fuzz.hpp"

namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// For each place in the text whether it matches the pattern from `p` on; from the pattern's end to its begin.
bool naive(std::string_view text, std::string_view pattern) {
    std::vector<bool> matches(text.size() + 1, false);
    matches[text.size()] = true;
    std::vector<std::size_t> elements;  // where they begin
    for (std::size_t p = 0; p < pattern.size(); ++p) {
        elements.push_back(p);
        if (pattern[p] == '\\' && p + 1 < pattern.size()) ++p;
    }
    for (auto element = elements.rbegin(); element != elements.rend(); ++element) {
        const auto after = std::move(matches);
        matches.assign(text.size() + 1, false);
        const char c = pattern[*element];
        for (std::size_t t = text.size() + 1; t-- > 0;) {
            if (c == '%') {
                matches[t] = after[t] || (t < text.size() && matches[t + 1]);
            } else if (t < text.size() && c == '_') {
                if (continues(text[t])) continue;
                std::size_t end = t + 1;
                while (end < text.size() && continues(text[end])) ++end;
                matches[t] = after[end];
            } else if (t < text.size()) {
                const char literal = c == '\\' && *element + 1 < pattern.size() ? pattern[*element + 1] : c;
                matches[t] = text[t] == literal && after[t + 1];
            }
        }
    }
    return matches[0];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = drover::fuzz::text_of(data, size);
    const auto pattern = drover::fuzz::take_until(text, '\n');
    drover::fuzz::expect(drover::like_matches(text, pattern) == naive(text, pattern),
                         "like means what it says: % any run, _ one character, \\ the next one literally");
    return 0;
}
