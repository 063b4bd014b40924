#pragma once

#include <boost/json/value.hpp>

#include <string>

namespace drover::cli {

/// A document in YAML's block style. A text that a reader of YAML 1.1 or 1.2 might take for something else than
/// a text (`no`, `1e3`, `2014-01-01`, `~`, `a: b`) is quoted.
std::string to_yaml(const boost::json::value& value);

}  // namespace drover::cli
