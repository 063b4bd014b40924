#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/clock.hpp"
#include "drover/result.hpp"

namespace [[gnu::visibility("default")]] drover {

/// Where an operation stands, as a reply or a resource tells it.
enum class Transitioning : unsigned char { no, yes, error };
std::string_view to_string(Transitioning value);

/// One event, as it travels between servers, to subscribers and to agents.
///
/// Its JSON form is the one existing clients speak: every key is present, unset ones are null, dates are
/// milliseconds since 1970; unknown keys are ignored when read.
struct Event {
    std::string id;    ///< a UUID; a repeated request keeps its id
    std::string name;  ///< dotted words, then qualifiers after ';': "ping;agent=5"
    std::string reply_to;
    std::string resource_id;
    std::string resource_type;
    std::string publisher;
    std::optional<Transitioning> transitioning;
    std::string transitioning_message;                   ///< for the user
    std::string transitioning_internal_message;          ///< for the operator
    std::optional<std::int64_t> transitioning_progress;  ///< percent
    std::vector<std::string> previous_ids;               ///< of the events this one answers, newest first
    std::vector<std::string> previous_names;
    boost::json::value data;  ///< null, or an object
    std::optional<WallTime> time;
    std::optional<std::int64_t> timeout_millis;  ///< of a request: how long one try waits for the reply
    boost::json::value context;                  ///< null, or an object: what the logs of both sides show

    /// True when this is the reply to `request`: the newest previous id decides, never the name alone.
    bool answers(const Event& request) const;
};

/// What an event may be at most; beyond it is refused when read.
inline constexpr std::size_t kLargestEvent = 1024 * 1024;
inline constexpr std::size_t kDeepestEvent = 32;
inline constexpr std::size_t kLongestEventName = 255;
inline constexpr std::size_t kMostPrevious = 100;

/// Errors: invalid, naming the key, what was seen and what is allowed. Numbers are accepted where a text is
/// expected for `resourceId` (agents send them), and texts of digits where a number is.
Result<Event> parse_event(std::string_view json);
std::string to_json(const Event& event);

/// The reply to a request: a new id, the name it asked for, and where it came from.
Event reply_to(const Event& request, std::string id);

/// The name without its qualifiers: "ping;agent=5" is "ping".
std::string_view base_name(std::string_view event_name);
/// "ping;agent=5" with suffix ".reply" is "ping.reply;agent=5".
std::string with_suffix(std::string_view event_name, std::string_view suffix);
/// Errors: invalid. Names are 1 to 255 of letters, digits and . _ - * ; =
Result<void> check_event_name(std::string_view event_name);

}  // namespace drover
