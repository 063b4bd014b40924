#include "kits.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "drover/conformance/event_bus_kit.hpp"
#include "drover/conformance/http_kit.hpp"
#include "drover/conformance/lock_kit.hpp"
#include "drover/conformance/membership_kit.hpp"
#include "drover/conformance/store_kit.hpp"

namespace drover::conformance {
namespace {

template <class Interface>
Kit kit_of(std::string_view title, std::string_view header, std::vector<Case>& (*cases)()) {
    return {Interface::kSlot, Interface::kId, title, header, cases};
}

bool is_upper(char c) { return std::isupper(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

/// The cases of one file are about one thing, and the file is named after it: "lock_sessions.cpp".
std::string group_of(const Case& one) {
    auto stem = std::filesystem::path(one.file).stem().string();
    stem = stem.substr(stem.rfind('_') + 1);
    if (stem == "kit") return "In general";
    stem.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(stem.front())));
    return stem;
}

}  // namespace

const std::vector<Kit>& all_kits() {
    static const std::vector<Kit> kits{
        kit_of<LockService>("Lock", "drover/services/lock.hpp", lock_cases),
        kit_of<EventBus>("EventBus", "drover/services/event_bus.hpp", event_bus_cases),
        kit_of<Store>("Store", "drover/services/store.hpp", store_cases),
        kit_of<MembershipService>("Membership", "drover/services/membership.hpp", membership_cases),
        kit_of<HttpFront>("Http", "drover/services/http_front.hpp", http_cases),
    };
    return kits;
}

std::string sentence_of(std::string_view name) {
    std::string sentence;
    for (std::size_t begin = 0, end = 0; begin < name.size(); begin = end) {
        const auto at = [&](std::size_t i) { return i < name.size() ? name[i] : 'A'; };
        // A word is a number, one capital with small letters, or capitals that no small letter follows: TLS.
        end = begin + 1;
        if (is_digit(at(begin))) {
            while (end < name.size() && is_digit(at(end))) ++end;
        } else if (is_upper(at(end)) || is_digit(at(end))) {
            while (end < name.size() && is_upper(at(end)) && (is_upper(at(end + 1)) || is_digit(at(end + 1)))) ++end;
        } else {
            while (end < name.size() && !is_upper(at(end)) && !is_digit(at(end))) ++end;
        }
        std::string word(name.substr(begin, end - begin));
        const bool capitals = word.size() > 1 && is_upper(word[1]);
        if (begin > 0 && !capitals) word.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(word[0])));
        sentence += (begin > 0 ? " " : "") + word;
    }
    return sentence;
}

std::string promises_of(const Kit& kit) {
    std::vector<std::pair<std::string, std::vector<std::string>>> groups;
    for (const auto& one : kit.cases()) {
        const auto name = group_of(one);
        auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& known) { return known.first == name; });
        if (group == groups.end()) group = groups.insert(groups.end(), {name, {}});
        group->second.push_back(sentence_of(one.name));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& a, const auto& b) { return a.first == "In general" && b.first != "In general"; });
    std::string text = "The service " + std::string(kit.slot) + " makes " + std::to_string(kit.cases().size()) +
                       " promises; <" + std::string(kit.header) + "> has them in full:\n";
    for (const auto& [name, sentences] : groups) {
        text += "\n  " + name + "\n";
        for (const auto& sentence : sentences) text += "    - " + sentence + "\n";
    }
    return text;
}

}  // namespace drover::conformance
