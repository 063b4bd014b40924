#pragma once

#include <boost/json/object.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drover/result.hpp"

namespace drover::rest {

/// Every value of every name, in the order in which they came.
using Parameters = std::map<std::string, std::vector<std::string>>;

inline constexpr std::size_t kMostParameters = 1'000;         ///< values of one request together
inline constexpr std::size_t kLargestMultipart = 100 * 1024;  ///< bytes
inline constexpr std::size_t kDeepestBody = 32;               ///< levels of JSON
inline constexpr std::size_t kLongestParameterName = 255;     ///< bytes

/// "%41+b" is "A b" in a query or form; in a path '+' stands for itself.
/// Errors: 400, when a '%' begins no escape.
Result<std::string> percent_decoded(std::string_view text, bool plus_is_space);
std::string percent_encoded(std::string_view text);

/// Adds "a=1&a=2&b" to `into`. Errors: 400 (escapes, UTF-8), 422 MaxLimitExceeded (too many).
Result<void> add_urlencoded(std::string_view text, Parameters& into);

/// Adds the parts of a multipart/form-data body (RFC 7578) that are no files.
/// Errors: 400 (no multipart), 413 (larger than kLargestMultipart), 422 (too many parts).
Result<void> add_multipart(std::string_view content_type, std::string_view body, Parameters& into);

/// What a JSON body says: the object, or the objects of an array merged; {} for an empty body and for scalars.
/// Errors: 400 InvalidBodyContent.
Result<boost::json::object> parse_body(std::string_view text);

/// The parameters as an object (one value: the text; several: their list), overridden by `body`.
boost::json::object merged(const Parameters& parameters, boost::json::object body);

/// The first value of a parameter; none when it was not given.
const std::string* first(const Parameters& parameters, const std::string& name);

}  // namespace drover::rest
