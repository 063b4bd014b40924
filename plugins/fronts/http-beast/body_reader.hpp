#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message_head.hpp"

namespace drover::http_beast {

/// Reads the body that follows a head, from pieces cut anywhere.
///
/// The chunked coding (RFC 9112, section 7.1) is read by the letter: no blanks, no bare LF, sizes that fit,
/// and little patience with extensions and trailers, which nobody here uses and which cost the sender less
/// than the receiver.
class BodyReader {
public:
    /// Refuses a body that is announced larger than the limit.
    std::optional<Refusal> begin(const MessageHead& head, const HttpLimits& limits);

    /// Takes from the front of `bytes`, appends to `body`; returns how much it took. Ends when `done`, or
    /// with a refusal.
    std::size_t take(std::string_view bytes, std::string& body);
    bool done() const { return state_ == State::done; }
    const std::optional<Refusal>& refusal() const { return refusal_; }

private:
    enum class State : unsigned char {
        sized,
        size_first,
        size,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer,
        done
    };
    std::size_t take_data(std::string_view bytes, std::string& body, State next);
    void take_size_digit(char c, std::size_t body_size);
    void take_framing(char c, std::size_t body_size);
    void take_trailer(char c);
    void refuse(int status, std::string_view why) { refusal_ = Refusal{status, why}; }

    State state_ = State::done;
    std::uint64_t left_ = 0;  // of the body, or of the chunk
    std::uint64_t limit_ = 0;
    int digits_ = 0;              // of the chunk's size
    std::size_t extensions_ = 0;  // bytes of all chunk extensions so far
    std::size_t trailers_ = 0;    // bytes of all trailers so far
    std::string line_;            // trailer line that is not complete
    std::optional<Refusal> refusal_;
};

}  // namespace drover::http_beast
