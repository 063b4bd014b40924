#include "drover/json.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include <charconv>

namespace drover {

namespace json = boost::json;

namespace {

/// Builds the value from what the parser tells. It parses whole documents, so that only texts and keys with
/// escapes come in parts.
struct Builder {
    using Text = json::string_view;
    using Failure = json::error_code;
    static constexpr std::size_t max_object_size = json::object::max_size();
    static constexpr std::size_t max_array_size = json::array::max_size();
    static constexpr std::size_t max_key_size = json::string::max_size();
    static constexpr std::size_t max_string_size = json::string::max_size();

    json::value_stack stack;

    bool on_document_begin(Failure&) { return true; }
    bool on_document_end(Failure&) { return true; }
    bool on_object_begin(Failure&) { return true; }
    bool on_object_end(std::size_t size, Failure&) { return stack.push_object(size), true; }
    bool on_array_begin(Failure&) { return true; }
    bool on_array_end(std::size_t size, Failure&) { return stack.push_array(size), true; }
    bool on_key_part(Text part, std::size_t, Failure&) { return stack.push_chars(part), true; }
    bool on_key(Text last, std::size_t, Failure&) { return stack.push_key(last), true; }
    bool on_string_part(Text part, std::size_t, Failure&) { return stack.push_chars(part), true; }
    bool on_string(Text last, std::size_t, Failure&) { return stack.push_string(last), true; }
    bool on_number_part(Text, Failure&) { return true; }
    bool on_int64(std::int64_t number, Text, Failure&) { return stack.push_int64(number), true; }
    bool on_uint64(std::uint64_t number, Text, Failure&) { return stack.push_uint64(number), true; }
    bool on_double(double about, Text text, Failure& failure) {
        double exact = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exact);
        if (error == std::errc::result_out_of_range && about > -1 && about < 1) {
            exact = text.starts_with('-') ? -0.0 : 0.0;  // too near to zero
        } else if (error != std::errc() || end != text.data() + text.size()) {
            failure = json::error::exponent_overflow;
            return false;
        }
        stack.push_double(exact);
        return true;
    }
    bool on_bool(bool flag, Failure&) { return stack.push_bool(flag), true; }
    bool on_null(Failure&) { return stack.push_null(), true; }
    bool on_comment_part(Text, Failure&) { return true; }
    bool on_comment(Text, Failure&) { return true; }
};

}  // namespace

Result<json::value> parse_json(std::string_view text, std::size_t deepest) {
    json::parse_options options;
    options.max_depth = deepest;
    json::basic_parser<Builder> parser(options);
    parser.handler().stack.reset();
    json::error_code failure;
    const auto read = parser.write_some(false, text.data(), text.size(), failure);
    if (!failure && read < text.size()) failure = json::error::extra_data;
    if (failure)
        return Error(Errc::invalid,
                     "this is not JSON at byte " + std::to_string(read) + ": " + std::string(failure.message()));
    return parser.handler().stack.release();
}

}  // namespace drover
