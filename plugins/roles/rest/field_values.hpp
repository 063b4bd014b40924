#pragma once

#include <boost/json/object.hpp>

#include "rest_api.hpp"
#include "schema_sets.hpp"

/// What a client sends for fields, checked and converted: ids are raw, dates milliseconds, numbers numbers.
namespace drover::rest {

enum class Pass : unsigned char { create, update };

/// An id that must lead to a row which the caller sees.
struct ReferenceCheck {
    std::string field;
    std::string type;
    std::int64_t id = 0;
};

inline constexpr std::size_t kMostReferences = 200;  ///< of one request

struct FieldValues {
    boost::json::object values{};
    std::vector<ReferenceCheck> references{};
};

/// Takes from `body` what `type` lets the caller give; the rest is dropped silently. Errors: 422.
Result<FieldValues> convert_fields(const TypeSchema& type, Pass pass, const Caller& caller,
                                   const boost::json::object& body);

/// Is every character of `text` one of the class ("a-z0-9-", "\\w")?
bool all_of_class(std::string_view text, std::string_view characters);

}  // namespace drover::rest
