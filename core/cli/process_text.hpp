#pragma once

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/schema.hpp"

namespace drover::cli {

/// A moment as the API writes it, a date or milliseconds since 1970.
std::optional<std::int64_t> milliseconds_of(const boost::json::value& moment);
/// "2014-06-01T12:00:00.250Z"
std::string moment_text(std::int64_t milliseconds);
/// "12 ms", "3.4 s", "5 min 3 s", "2 h 7 min"
std::string span_text(std::int64_t milliseconds);

/// An id of the API: "1i5" for the raw 5 of an instance; what is no raw id stays.
std::string formatted_id(std::string_view type, std::string_view raw);
/// "instance 1i5" of a process; the type as the API writes it when `schemas` know it.
std::string resource_of(const boost::json::value& process, const Schemas* schemas = nullptr);

/// True when a process failed too often and waits for an operator.
bool is_parked(const boost::json::value& process);
/// What a process waits for, or why it ended, in one line; empty when it says nothing.
std::string reason_text(const boost::json::value& process);

/// A process and its history: each execution and handler, what each changed, times and reasons to end.
std::string describe_process(const boost::json::value& process, const boost::json::array& executions,
                             const Schemas* schemas = nullptr);

/// The answer of .../explain, in sentences; `now` in milliseconds since 1970.
std::string describe_explanation(const boost::json::value& explanation, std::int64_t now,
                                 const Schemas* schemas = nullptr);

}  // namespace drover::cli
