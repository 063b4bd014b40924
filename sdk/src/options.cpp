#include "drover/options.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace drover {

std::string_view to_string(OptionType type) {
    switch (type) {
        case OptionType::text: return "text";
        case OptionType::integer: return "integer";
        case OptionType::boolean: return "boolean";
        case OptionType::duration: return "duration";
        case OptionType::size: return "size";
        case OptionType::secret: return "secret";
        case OptionType::choice: return "choice";
        case OptionType::list: return "list";
        case OptionType::address: return "address";
    }
    return "text";
}

Option Option::optional() && {
    is_optional = true;
    return std::move(*this);
}
Option Option::live() && {
    is_live = true;
    return std::move(*this);
}
Option Option::at_key(std::string fixed) && {
    key = std::move(fixed);
    return std::move(*this);
}
Option Option::between(std::int64_t lowest, std::int64_t highest) && {
    least = lowest;
    most = highest;
    return std::move(*this);
}

namespace {

Option make(std::string name, OptionType type, std::optional<std::string> fallback, std::string summary) {
    Option option;
    option.name = std::move(name);
    option.type = type;
    option.fallback = std::move(fallback);
    option.summary = std::move(summary);
    return option;
}

struct Unit {
    std::string_view name;
    std::int64_t factor;
};
constexpr Unit kDurationUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
constexpr Unit kSizeUnits[] = {{"", 1}, {"k", 1024}, {"m", 1024 * 1024}, {"g", 1024LL * 1024 * 1024}};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

template <std::size_t N>
std::optional<std::int64_t> parse_with_unit(std::string_view text, const Unit (&units)[N]) {
    const auto split = std::min(text.find_first_not_of("-0123456789"), text.size());
    const auto number = parse_integer(text.substr(0, split));
    if (!number) return std::nullopt;
    const auto unit = lower(text.substr(split));
    for (const auto& known : units) {
        if (known.name != unit) continue;
        std::int64_t product = 0;
        if (__builtin_mul_overflow(*number, known.factor, &product)) return std::nullopt;
        return product;
    }
    return std::nullopt;
}

std::string render_duration(std::int64_t ms) {
    if (ms != 0 && ms % 3'600'000 == 0) return std::to_string(ms / 3'600'000) + "h";
    if (ms != 0 && ms % 60'000 == 0) return std::to_string(ms / 60'000) + "m";
    if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
    return std::to_string(ms) + "ms";
}

std::string render(const Option& option, std::int64_t number) {
    return option.type == OptionType::duration ? render_duration(number) : std::to_string(number);
}

Error refusal(const Option& option, std::string_view text, std::string_view allowed) {
    const std::string seen = option.type == OptionType::secret ? "(hidden)" : "\"" + std::string(text) + "\"";
    return Error(Errc::invalid, seen + " is not allowed; expected " + std::string(allowed));
}

Result<OptionValue> within(const Option& option, std::string_view text, std::int64_t number, OptionValue value) {
    if (option.least && number < *option.least)
        return refusal(option, text, "at least " + render(option, *option.least));
    if (option.most && number > *option.most) return refusal(option, text, "at most " + render(option, *option.most));
    return value;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        auto word = text.substr(0, comma);
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (!word.empty()) words.emplace_back(word);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return words;
}

}  // namespace

Option text(std::string name, std::string fallback, std::string summary) {
    return make(std::move(name), OptionType::text, std::move(fallback), std::move(summary));
}
Option required_text(std::string name, std::string summary) {
    return make(std::move(name), OptionType::text, std::nullopt, std::move(summary));
}
Option integer(std::string name, std::int64_t fallback, std::int64_t least, std::int64_t most, std::string summary) {
    return make(std::move(name), OptionType::integer, std::to_string(fallback), std::move(summary))
        .between(least, most);
}
Option boolean(std::string name, bool fallback, std::string summary) {
    return make(std::move(name), OptionType::boolean, fallback ? "true" : "false", std::move(summary));
}
Option duration(std::string name, std::chrono::milliseconds fallback, std::string summary) {
    auto option = make(std::move(name), OptionType::duration, render_duration(fallback.count()), std::move(summary));
    option.least = 0;
    return option;
}
Option size(std::string name, std::int64_t fallback, std::string summary) {
    auto option = make(std::move(name), OptionType::size, std::to_string(fallback), std::move(summary));
    option.least = 0;
    return option;
}
Option secret(std::string name, std::string summary) {
    return make(std::move(name), OptionType::secret, std::nullopt, std::move(summary)).optional();
}
Option choice(std::string name, std::string fallback, std::vector<std::string> choices, std::string summary) {
    auto option = make(std::move(name), OptionType::choice, std::move(fallback), std::move(summary));
    option.choices = std::move(choices);
    return option;
}
Option list(std::string name, std::string fallback, std::string summary) {
    return make(std::move(name), OptionType::list, std::move(fallback), std::move(summary));
}
Option address(std::string name, std::string fallback, std::string summary) {
    return make(std::move(name), OptionType::address, std::move(fallback), std::move(summary));
}

std::string Address::to_string() const {
    const bool v6 = host.find(':') != std::string::npos;
    return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool Address::is_loopback() const { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Result<Address> parse_address(std::string_view text) {
    const Error refused(Errc::invalid, "\"" + std::string(text) +
                                           "\" is not an address; expected host:port, such as "
                                           "127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080 (port 0 takes a free one)");
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refused;
    auto host = text.substr(0, colon);
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    else if (host.find(':') != std::string_view::npos) return refused;
    const auto port = parse_integer(text.substr(colon + 1));
    if (host.empty() || host.find_first_of(" \t/@") != std::string_view::npos) return refused;
    if (!port || *port < 0 || *port > 65535) return refused;
    return Address{std::string(host), static_cast<std::uint16_t>(*port)};
}

Result<OptionValue> parse_option(const Option& option, std::string_view text) {
    switch (option.type) {
        case OptionType::text: return OptionValue(std::string(text));
        case OptionType::secret: return OptionValue(Secret(std::string(text)));
        case OptionType::list: return OptionValue(split_list(text));
        case OptionType::integer: {
            const auto number = parse_integer(text);
            if (!number) return refusal(option, text, "a whole number");
            return within(option, text, *number, *number);
        }
        case OptionType::boolean: {
            const auto word = lower(text);
            if (word == "true" || word == "yes" || word == "on" || word == "1") return OptionValue(true);
            if (word == "false" || word == "no" || word == "off" || word == "0") return OptionValue(false);
            return refusal(option, text, "true or false");
        }
        case OptionType::duration: {
            const auto ms = parse_with_unit(text, kDurationUnits);
            if (!ms) return refusal(option, text, "a number and a unit, such as 250ms, 4s, 5m, 1h or 7d");
            return within(option, text, *ms, std::chrono::milliseconds(*ms));
        }
        case OptionType::size: {
            const auto bytes = parse_with_unit(text, kSizeUnits);
            if (!bytes) return refusal(option, text, "a number of bytes, such as 4096, 64k, 10m or 1g");
            return within(option, text, *bytes, *bytes);
        }
        case OptionType::choice: {
            if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end())
                return OptionValue(std::string(text));
            std::string allowed;
            for (const auto& one : option.choices) allowed += (allowed.empty() ? "one of " : ", ") + one;
            auto refused = refusal(option, text, allowed);
            const auto near = nearest(text, option.choices);
            return near.empty() ? refused : refused.with_hint("Did you mean " + near + "?");
        }
        case OptionType::address: {
            if (text == "off") return OptionValue(Address{});
            auto parsed = parse_address(text);
            if (!parsed) return parsed.error();
            return OptionValue(std::move(*parsed));
        }
    }
    return Error(Errc::internal, "an option of an unknown type");
}

std::string nearest(std::string_view seen, const std::vector<std::string>& known) {
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(2, seen.size() / 3) + 1;
    std::vector<std::size_t> row;
    for (const auto& candidate : known) {
        row.resize(candidate.size() + 1);
        for (std::size_t j = 0; j <= candidate.size(); ++j) row[j] = j;
        for (std::size_t i = 1; i <= seen.size(); ++i) {
            std::size_t diagonal = row[0];
            row[0] = i;
            for (std::size_t j = 1; j <= candidate.size(); ++j) {
                const auto above = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (seen[i - 1] == candidate[j - 1] ? 0 : 1)});
                diagonal = above;
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

std::optional<std::string> star_of(std::string_view pattern, std::string_view key) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return std::nullopt;
    const auto before = pattern.substr(0, star);
    const auto after = pattern.substr(star + 1);
    if (key.size() <= before.size() + after.size() || !key.starts_with(before) || !key.ends_with(after))
        return std::nullopt;
    return std::string(key.substr(before.size(), key.size() - before.size() - after.size()));
}

Result<Config> Config::make(const std::vector<Option>& declared, const std::map<std::string, std::string>& given) {
    Config config;
    std::string problems;
    const auto complain = [&](const std::string& text) { problems += (problems.empty() ? "" : "\n") + text; };
    std::vector<std::string> names;
    for (const auto& option : declared) {
        names.push_back(option.name);
        if (option.is_pattern()) {
            Matches matches;
            for (const auto& [name, given_text] : given) {
                const auto star = star_of(option.name + ".*", name);
                if (!star) continue;
                if (const auto value = parse_option(option, given_text); !value)
                    complain(name + ": " + value.error().describe());
                else matches.emplace(*star, given_text);
            }
            config.values_.emplace(option.name, std::move(matches));
            continue;
        }
        const auto found = given.find(option.name);
        if (found == given.end() && option.required()) complain(option.name + ": is required and not set");
        const auto* text = found != given.end() ? &found->second : option.fallback ? &*option.fallback : nullptr;
        if (!text) continue;
        auto value = parse_option(option, *text);
        if (!value) complain(option.name + ": " + value.error().describe());
        else config.values_.emplace(option.name, std::move(*value));
    }
    for (const auto& [name, text] : given) {
        const bool known = std::any_of(declared.begin(), declared.end(), [&, &key = name](const Option& option) {
            return option.is_pattern() ? star_of(option.name + ".*", key).has_value() : option.name == key;
        });
        if (known) continue;
        const auto near = nearest(name, names);
        complain(name + ": unknown option" + (near.empty() ? "" : ". Did you mean " + near + "?"));
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return config;
}

template <class T>
const T& Config::get(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end())
        throw std::logic_error("option \"" + std::string(name) + "\" was asked for but is not declared, or not set");
    const auto* value = std::get_if<T>(&found->second);
    if (!value) throw std::logic_error("option \"" + std::string(name) + "\" was asked for with another type");
    return *value;
}

const std::string& Config::text(std::string_view name) const { return get<std::string>(name); }
std::int64_t Config::integer(std::string_view name) const { return get<std::int64_t>(name); }
bool Config::boolean(std::string_view name) const { return get<bool>(name); }
std::chrono::milliseconds Config::duration(std::string_view name) const { return get<std::chrono::milliseconds>(name); }
std::int64_t Config::size(std::string_view name) const { return get<std::int64_t>(name); }
const Secret& Config::secret(std::string_view name) const { return get<Secret>(name); }
const std::vector<std::string>& Config::list(std::string_view name) const {
    return get<std::vector<std::string>>(name);
}
const Address& Config::address(std::string_view name) const { return get<Address>(name); }
const Matches& Config::matches(std::string_view name) const { return get<Matches>(name); }
bool Config::has(std::string_view name) const { return values_.find(name) != values_.end(); }

}  // namespace drover
