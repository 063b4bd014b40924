#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drover/store/resource_type.hpp"

namespace drover::store_detail {

/// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// Why `value` can not stand beside `field` in a comparison, as "is an integer, not text"; nothing when it
/// can. Null always can.
std::optional<std::string> misfit(FieldType type, const Value& value);

/// The same for storing it: length and null count too.
std::optional<std::string> unstorable(const Field& field, const Value& value);

}  // namespace drover::store_detail
