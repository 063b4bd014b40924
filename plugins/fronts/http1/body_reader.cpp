#include "http1/body_reader.hpp"

#include <algorithm>

#include "http1/text.hpp"

namespace drover::http1 {
namespace {

constexpr std::size_t kExtensionBytes = 4096;
constexpr std::size_t kTrailerBytes = 8192;
constexpr int kSizeDigits = 16;

int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    const char letter = lower(c);
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

}  // namespace

std::optional<Refusal> BodyReader::begin(const MessageHead& head, const HttpLimits& limits) {
    *this = BodyReader();
    limit_ = limits.body_bytes;
    if (head.chunked) {
        state_ = State::size_first;
        return std::nullopt;
    }
    if (head.content_length > limit_) return Refusal{413, "The request body is too large."};
    left_ = head.content_length;
    state_ = left_ > 0 ? State::sized : State::done;
    return std::nullopt;
}

std::size_t BodyReader::take_data(std::string_view bytes, std::string& body, State next) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    body.append(bytes.substr(0, size));
    left_ -= size;
    if (left_ == 0) state_ = next;
    return size;
}

std::size_t BodyReader::take(std::string_view bytes, std::string& body) {
    std::size_t used = 0;
    while (used < bytes.size() && state_ != State::done && !refusal_) {
        if (state_ == State::sized) {
            used += take_data(bytes.substr(used), body, State::done);
        } else if (state_ == State::data) {
            used += take_data(bytes.substr(used), body, State::data_cr);
        } else {
            take_framing(bytes[used++], body.size());
        }
    }
    return used;
}

void BodyReader::take_size_digit(char c, std::size_t body_size) {
    left_ = left_ * 16 + static_cast<std::uint64_t>(hex_value(c));
    state_ = State::size;
    if (++digits_ > kSizeDigits) return refuse(400, "A chunk size is out of range.");
    // Checked at each digit, so it can neither overflow nor grow long.
    if (left_ > limit_ - body_size) refuse(413, "The request body is too large.");
}

void BodyReader::take_framing(char c, std::size_t body_size) {
    switch (state_) {
        case State::size_first:
            left_ = 0;
            if (hex_value(c) < 0) return refuse(400, "A chunk does not begin with its size.");
            digits_ = 0;
            return take_size_digit(c, body_size);
        case State::size:
            if (hex_value(c) >= 0) return take_size_digit(c, body_size);
            if (c == '\r') state_ = State::size_lf;
            else if (c == ';') state_ = State::extension;
            else refuse(400, "A chunk size is not a hexadecimal number.");
            return;
        case State::extension:
            if (c == '\r') state_ = State::size_lf;
            else if (!is_field_char(c)) refuse(400, "A chunk extension has an invalid character.");
            else if (++extensions_ > kExtensionBytes) refuse(400, "The chunk extensions are too large.");
            return;
        case State::size_lf:
            if (c != '\n') return refuse(400, "A chunk size does not end with CR LF.");
            state_ = left_ > 0 ? State::data : State::trailer;
            return;
        case State::data_cr:
            if (c != '\r') return refuse(400, "A chunk is longer than its size.");
            state_ = State::data_lf;
            return;
        case State::data_lf:
            if (c != '\n') return refuse(400, "A chunk does not end with CR LF.");
            state_ = State::size_first;
            return;
        case State::trailer: return take_trailer(c);
        case State::sized:
        case State::data:
        case State::done: return;
    }
}

void BodyReader::take_trailer(char c) {
    if (++trailers_ > kTrailerBytes) return refuse(431, "The trailers are too large.");
    line_.push_back(c);
    if (c != '\n') return;
    if (line_ == "\r\n") {
        state_ = State::done;
        line_ = {};
        return;
    }
    if (!line_.ends_with("\r\n") || !valid_field_line(std::string_view(line_).substr(0, line_.size() - 2)))
        return refuse(400, "A trailer line is not NAME: VALUE.");
    line_.clear();
}

}  // namespace drover::http1
