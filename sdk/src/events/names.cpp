#include <algorithm>
#include <array>

#include "drover/events/events.hpp"
#include "topics.hpp"

namespace drover {

namespace {

/// What a server's load is made of has a topic of its own, so that who listens to one need not read the other.
constexpr std::array<std::string_view, 11> kFamilies{"process",  "state",  "api",     "resource", "ping",  "agent",
                                                     "instance", "volume", "storage", "compute",  "config"};
constexpr std::string_view kPrefix = "drover.ev.";
constexpr std::string_view kReplyWord = "reply.";
constexpr std::string_view kReplyTopic = "drover.reply.";
/// Longer ones are nobody's reply address.
constexpr std::size_t kLongestReplyName = 150;

bool is_topic_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

std::string_view first_word(std::string_view name) { return name.substr(0, name.find_first_of(".;")); }

}  // namespace

bool event_matches(std::string_view pattern, std::string_view name) {
    // A '*' takes as little as it can; when the rest does not fit, the last '*' takes one more.
    std::size_t p = 0;
    std::size_t n = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::string topic_of_event(std::string_view name) {
    const auto base = base_name(name);
    if (base.starts_with(kReplyWord) && base.size() > kReplyWord.size() && base.size() <= kLongestReplyName &&
        std::all_of(base.begin(), base.end(), is_topic_char))
        return std::string(kReplyTopic) + std::string(base.substr(kReplyWord.size()));
    const auto word = first_word(base);
    const bool known = std::find(kFamilies.begin(), kFamilies.end(), word) != kFamilies.end();
    return std::string(kPrefix) + std::string(known ? word : "misc");
}

std::string topic_of_server(std::string_view server_id) {
    std::string topic = "drover.server.";
    for (const char c : server_id.substr(0, kLongestReplyName)) topic += is_topic_char(c) ? c : '_';
    return topic;
}

namespace events {

std::vector<std::string> topics_of_pattern(std::string_view pattern) {
    if (first_word(pattern).find('*') == std::string_view::npos) return {topic_of_event(pattern)};
    std::vector<std::string> topics;
    for (const auto family : kFamilies) topics.push_back(std::string(kPrefix) + std::string(family));
    topics.push_back(std::string(kPrefix) + "misc");
    return topics;
}

bool is_family(std::string_view topic) { return topic.starts_with(kPrefix); }

std::optional<std::string_view> peek_name(std::string_view payload) {
    constexpr std::string_view kNoId = R"({"id":null,"name":")";
    constexpr std::string_view kId = R"({"id":")";
    constexpr std::string_view kName = R"(","name":")";
    if (payload.starts_with(kNoId)) {
        payload.remove_prefix(kNoId.size());
    } else {
        if (!payload.starts_with(kId)) return std::nullopt;
        payload.remove_prefix(kId.size());
        const auto end = payload.find_first_of("\"\\");
        if (end == std::string_view::npos || !payload.substr(end).starts_with(kName)) return std::nullopt;
        payload.remove_prefix(end + kName.size());
    }
    const auto end = payload.find_first_of("\"\\");
    if (end == std::string_view::npos || end == 0 || payload[end] != '"') return std::nullopt;
    return payload.substr(0, end);
}

}  // namespace events
}  // namespace drover
