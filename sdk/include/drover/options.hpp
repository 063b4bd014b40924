#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "drover/result.hpp"

namespace [[gnu::visibility("default")]] drover {

enum class OptionType : unsigned char { text, integer, boolean, duration, size, secret, choice, list, address };
std::string_view to_string(OptionType type);

/// One option of a plugin, as data: from it come parsing, checking, help and the reference.
/// Made with the functions below, refined by the chained members.
struct Option {
    std::string name;  ///< lower-case words joined by '-': the key is `plugin.INSTANCE.NAME`
    OptionType type = OptionType::text;
    std::optional<std::string> fallback;  ///< as it would be written; none: required, or unset when `optional`
    std::string summary;                  ///< one full sentence
    std::optional<std::int64_t> least;    ///< integer; milliseconds of a duration; bytes of a size
    std::optional<std::int64_t> most;
    std::vector<std::string> choices;
    bool is_optional = false;
    bool is_live = false;
    std::string key;  ///< a fixed key such as "ops.listen" instead of `plugin.INSTANCE.NAME`

    /// May be left out although it has no default.
    Option optional() &&;
    /// May be changed while the server runs; the plugin's `reconfigure` is told.
    Option live() &&;
    /// Lives under this key of the whole server instead of the instance's. A key with one '*' stands for every
    /// key that matches ("process.*.priority"): see Config::matches. Its default is what the plugin takes where
    /// nothing is given.
    Option at_key(std::string fixed) &&;
    Option between(std::int64_t least, std::int64_t most) &&;
    bool required() const { return !fallback && !is_optional && !is_pattern(); }
    bool is_pattern() const { return key.find('*') != std::string::npos; }
};

Option text(std::string name, std::string fallback, std::string summary);
Option required_text(std::string name, std::string summary);
Option integer(std::string name, std::int64_t fallback, std::int64_t least, std::int64_t most, std::string summary);
Option boolean(std::string name, bool fallback, std::string summary);
/// Written as a number and a unit: 250ms, 4s, 5m, 1h.
Option duration(std::string name, std::chrono::milliseconds fallback, std::string summary);
/// Written in bytes, or with a unit of 1024: 64k, 10m, 1g.
Option size(std::string name, std::int64_t fallback, std::string summary);
/// Never printed, logged or shown. Optional unless refined.
Option secret(std::string name, std::string summary);
Option choice(std::string name, std::string fallback, std::vector<std::string> choices, std::string summary);
/// Written as words with commas between.
Option list(std::string name, std::string fallback, std::string summary);
/// Written as host:port; `off` where the option says so.
Option address(std::string name, std::string fallback, std::string summary);

/// A value nobody prints by accident.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string value) : value_(std::move(value)) {}
    bool empty() const { return value_.empty(); }
    /// For handing to the client library, nothing else.
    const std::string& reveal() const { return value_; }

private:
    std::string value_;
};

struct Address {
    std::string host;
    std::uint16_t port = 0;
    std::string to_string() const;
    bool is_loopback() const;
};

/// "127.0.0.1:8080", "[::1]:0", "localhost:1". Errors: invalid, with what was expected.
Result<Address> parse_address(std::string_view text);

/// What the '*' of `pattern` stands for in `key`: one character or more, dots too. None when it does not match.
std::optional<std::string> star_of(std::string_view pattern, std::string_view key);

/// What '*' stood for, to the text given.
using Matches = std::map<std::string, std::string, std::less<>>;

using OptionValue = std::variant<std::string, std::int64_t, bool, std::chrono::milliseconds, Secret,
                                 std::vector<std::string>, Address, Matches>;

/// Errors: invalid, naming the value (unless secret), what is allowed, and the nearest good choice.
Result<OptionValue> parse_option(const Option& option, std::string_view text);

/// The nearest of `known` to `seen` by edit distance; empty when none is near.
std::string nearest(std::string_view seen, const std::vector<std::string>& known);

/// The checked options of one plugin instance. Asking for a name the plugin did not declare, or with
/// another type, throws std::logic_error: a bug in the plugin.
/// Thread-safety: immutable.
class Config {
public:
    Config() = default;
    /// Checks `given` (option name to text) against `declared`. What is given for an option whose key holds a '*'
    /// stands under NAME.STAR, such as "priority.instance.start". Errors: invalid, all of them in one text.
    static Result<Config> make(const std::vector<Option>& declared, const std::map<std::string, std::string>& given);

    const std::string& text(std::string_view name) const;
    std::int64_t integer(std::string_view name) const;
    bool boolean(std::string_view name) const;
    std::chrono::milliseconds duration(std::string_view name) const;
    std::int64_t size(std::string_view name) const;
    const Secret& secret(std::string_view name) const;
    const std::vector<std::string>& list(std::string_view name) const;
    const Address& address(std::string_view name) const;
    /// Of an option whose key holds a '*': what was given, each checked against the option's type.
    const Matches& matches(std::string_view name) const;
    /// False for an optional one that was left out.
    bool has(std::string_view name) const;

private:
    template <class T>
    const T& get(std::string_view name) const;
    std::map<std::string, OptionValue, std::less<>> values_;
};

}  // namespace drover
