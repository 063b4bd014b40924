// What a WebSocket client sends, and what is sent to it.
#include <algorithm>
#include <vector>

#include "fuzz.hpp"
#include "store/fits.hpp"
#include "web_socket_frames.hpp"

namespace {

using namespace drover;
using namespace drover::http_beast;
using fuzz::expect;

constexpr std::size_t kLimit = 700;

struct Seen {
    WebSocketFrames::Event event = WebSocketFrames::Event::none;
    std::uint16_t code = 0;
    std::string data;
    bool operator==(const Seen&) const = default;
};

/// Reads until the end, or the event after which nothing is read any more.
std::vector<Seen> read(std::string_view bytes, std::size_t piece) {
    using Event = WebSocketFrames::Event;
    WebSocketFrames frames(kLimit);
    std::vector<Seen> seen;
    while (!bytes.empty()) {
        auto part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        for (;;) {
            const auto event = frames.next(part);
            if (event == Event::none) break;
            Seen one{event, 0, {}};
            if (event == Event::message) {
                auto message = frames.take_message();
                expect(message.data.size() <= kLimit, "a message stays within its limit");
                expect(!message.text || store_detail::is_utf8(message.data), "a text is UTF-8", message.data);
                one.data = std::move(message.data);
            } else if (event == Event::failed) {
                one.code = frames.code();
                expect(one.code >= 1000 && !frames.why().empty(), "a failure says why");
            } else {
                one.data = frames.payload();
                expect(one.data.size() <= 125, "a control frame is short");
                if (event == Event::close) one.code = frames.code();
            }
            seen.push_back(std::move(one));
            if (event == Event::failed || event == Event::close) return seen;
        }
        expect(part.empty(), "without an event, all is taken");
    }
    return seen;
}

/// The frame of a client: the same, masked.
std::string masked(std::string frame, std::string_view payload) {
    constexpr std::string_view kMask("\x5a\x00\xff\x17", 4);
    frame[1] = static_cast<char>(frame[1] | '\x80');
    frame.resize(frame.size() - payload.size());
    frame += kMask;
    for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ kMask[i % 4]);
    return frame;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    const auto whole = read(bytes, std::max<std::size_t>(size, 1));
    for (const std::size_t piece : {std::size_t{1}, 2 + size % 13})
        expect(read(bytes, piece) == whole, "how frames are cut into pieces does not matter");

    const auto payload = bytes.substr(0, kLimit);
    const auto echoed = read(masked(web_socket_frame(WebSocketOpcode::binary, payload), payload), 64);
    expect(echoed.size() == 1 && echoed[0].data == payload, "what is written is read");

    if (store_detail::is_utf8(bytes)) {
        const auto goodbye = web_socket_close(1001, bytes);
        const auto said = read(masked(goodbye, std::string_view(goodbye).substr(2)), 64);
        expect(said.size() == 1 && said[0].event == WebSocketFrames::Event::close && said[0].code == 1001 &&
                   bytes.starts_with(said[0].data),
               "a Close is read as it was written", goodbye);
    }
    return 0;
}
