#pragma once

#include <compare>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <variant>

namespace [[gnu::visibility("default")]] drover {

/// One field's content: null, boolean, integer, real, or UTF-8 text. Dates are integers, milliseconds
/// since 1970 in UTC; JSON is text.
class Value {
public:
    Value() = default;
    Value(std::nullptr_t) {}
    Value(bool flag) : content_(flag) {}
    Value(int number) : content_(static_cast<std::int64_t>(number)) {}
    Value(std::int64_t number) : content_(number) {}
    Value(double real) : content_(real) {}
    Value(std::string text) : content_(std::move(text)) {}
    Value(std::string_view text) : content_(std::string(text)) {}
    Value(const char* text) : content_(std::string(text)) {}

    bool is_null() const { return content_.index() == 0; }
    const bool* if_boolean() const { return std::get_if<bool>(&content_); }
    const std::int64_t* if_integer() const { return std::get_if<std::int64_t>(&content_); }
    const double* if_real() const { return std::get_if<double>(&content_); }
    const std::string* if_text() const { return std::get_if<std::string>(&content_); }

    /// With a fallback for null and for another type.
    bool boolean(bool otherwise = false) const { return if_boolean() ? *if_boolean() : otherwise; }
    std::int64_t integer(std::int64_t otherwise = 0) const { return if_integer() ? *if_integer() : otherwise; }
    double real(double otherwise = 0) const { return if_real() ? *if_real() : otherwise; }
    std::string_view text(std::string_view otherwise = {}) const {
        return if_text() ? std::string_view(*if_text()) : otherwise;
    }

    bool operator==(const Value&) const = default;
    /// The order of sorting and of lt/gt: null first, then by type, text byte by byte.
    std::partial_ordering operator<=>(const Value&) const = default;

    /// For messages: null, true, 12, "text".
    std::string describe() const;

private:
    std::variant<std::monostate, bool, std::int64_t, double, std::string> content_;
};

std::ostream& operator<<(std::ostream& out, const Value& value);

}  // namespace drover
