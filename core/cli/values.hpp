#pragma once

#include <boost/json/value.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/schema.hpp"

namespace drover::cli {

/// For which request values are meant: it decides which fields may be given.
enum class Purpose : unsigned char { create, update };

/// Turns words of the command line into the body of a request:
///   name=c1                  by the type of the field: text, number, boolean, date, id, or one of an enum's words
///   tcpPorts=80,443          the items of a list; the word may also be repeated
///   environment.PATH=/bin    one member of a map
///   data:={"a":1}            JSON as it stands
/// `start` is what the words are laid over (from --file); its members are checked by name as well.
/// Errors: invalid: an unknown field with the nearest, one that may not be given, a value of the wrong kind.
Result<boost::json::object> body_of(const Schema& schema, Purpose purpose, boost::json::object start,
                                    const std::vector<std::string>& words);
/// The same where no schema says which fields there are: every value is a text, unless given with :=
Result<boost::json::object> free_body_of(boost::json::object start, const std::vector<std::string>& words);

/// Turns words such as state=running, name_prefix=web or removed_null into parameters. A filter that the API
/// does not know would be ignored by it in silence; here it is an error: invalid, with the nearest.
Result<Query> filters_of(const Schema& schema, const std::vector<std::string>& words);
/// True when a word of `drover get` is a filter, not an id.
bool is_filter(const Schema& schema, const std::string& word);

/// "250ms", "60", "60s", "5m", "1h". Errors: invalid.
Result<std::chrono::milliseconds> parse_duration(const std::string& text);

}  // namespace drover::cli
