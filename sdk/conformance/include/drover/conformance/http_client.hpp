#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "drover/options.hpp"

/// A client on plain sockets that sends exactly the bytes it is told to, and reads answers by rules of its
/// own: what judges an HTTP front must not share code with it.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

/// An answer, as it stood on the wire.
struct RawAnswer {
    std::string version;
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  ///< chunks put together
    std::vector<std::string> chunks;
    bool chunked = false;
    bool whole = false;  ///< the body ended as announced, not with the connection (unless it says so)

    /// Of the first header of that name; empty when there is none.
    std::string header(std::string_view name) const;
    std::size_t count(std::string_view name) const;
};

/// One connection. Every wait ends after `kPatience`. Used by one thread; that thread must not be killed by
/// SIGPIPE: `connect` blocks the signal for it.
class RawClient {
public:
    static constexpr std::chrono::milliseconds kPatience{20'000};
    struct How {
        int receive_buffer = 0;  ///< bytes, for a peer that shall feel slow; 0: the system's
        bool tls = false;        ///< no certificate is checked
        std::string alpn{};      ///< protocol to offer
    };

    RawClient();
    /// Connects, and shakes hands under TLS; throws std::runtime_error when that fails.
    explicit RawClient(const Address& address) : RawClient(address, How()) {}
    RawClient(const Address& address, How how);
    RawClient(RawClient&&) noexcept;
    RawClient& operator=(RawClient&&) noexcept;
    ~RawClient();

    /// Sends all of it; false when the peer does not take it any more.
    bool send(std::string_view bytes);
    /// Sends what goes without waiting; how much that was.
    std::size_t send_some(std::string_view bytes);
    /// `GET target`, with a Host and `more` header lines (each with its CRLF).
    bool get(std::string_view target, std::string_view more = {});

    /// The next answer; none when the connection ended before a whole head came. `to_head`: it answers a HEAD.
    /// Interim answers (1xx) are given like others.
    std::optional<RawAnswer> answer(bool to_head = false);
    /// The next head; its body is left to be read piece by piece.
    std::optional<RawAnswer> head();
    /// The next chunk of a chunked body; empty for the last; none when the connection ended.
    std::optional<std::string> chunk();
    /// Exactly so many bytes; fewer when the connection ended or nothing came for too long.
    std::string read(std::size_t size);
    /// What comes until the connection ends.
    std::string rest();
    /// True when the peer ends or resets the connection, having sent nothing more.
    bool ended();
    /// True when nothing came, and the connection stood, for that long.
    bool silent_for(std::chrono::milliseconds time);
    /// How the connection ended, after one of the above: by a reset instead of an orderly end.
    bool was_reset() const;

    void end_sending();
    /// Goes away with a reset, as a process that was killed.
    void reset();
    void close();
    bool is_open() const;
    /// The protocol agreed on under TLS.
    std::string alpn() const;

private:
    struct State;
    bool more(std::chrono::milliseconds at_most);
    std::optional<std::string> line();
    void read_body(RawAnswer& answer, bool to_head);
    std::unique_ptr<State> state_;
};

/// A WebSocket frame as it stood on the wire.
struct RawFrame {
    bool final = true;
    int reserved = 0;
    int opcode = 0;
    bool masked = false;
    std::string payload;

    /// Of a Close; 1005 when it has none.
    int close_code() const;
    std::string close_reason() const;
};

enum : int { kWsContinuation = 0, kWsText = 1, kWsBinary = 2, kWsClose = 8, kWsPing = 9, kWsPong = 10 };

/// The client's half of a WebSocket: whatever frames one likes.
class RawWebSocket {
public:
    /// Upgrades; throws std::runtime_error when the answer is not a valid acceptance.
    RawWebSocket(RawClient client, std::string_view target, std::string_view more = {});

    struct Shape {
        bool final = true;
        int reserved = 0;
        bool masked = true;
        int length_bytes = -1;  ///< 0, 2 or 8 bytes of extended length; -1: as it must be
    };
    static std::string frame(int opcode, std::string_view payload) { return frame(opcode, payload, Shape()); }
    static std::string frame(int opcode, std::string_view payload, Shape shape);
    static std::string close_payload(int code, std::string_view reason = {});

    bool send(int opcode, std::string_view payload) { return client_.send(frame(opcode, payload)); }
    bool send(int opcode, std::string_view payload, Shape shape) { return client_.send(frame(opcode, payload, shape)); }
    /// The next frame; none when the connection ended.
    std::optional<RawFrame> next();
    /// The next frame that is no ping; pings are answered.
    std::optional<RawFrame> next_data();
    const RawAnswer& acceptance() const { return acceptance_; }
    RawClient& client() { return client_; }

private:
    RawClient client_;
    RawAnswer acceptance_;
};

/// Writes a self-signed certificate for localhost and its key into `folder`; their names.
struct TestCertificate {
    std::string certificate_file;
    std::string key_file;
};
TestCertificate make_certificate(const std::string& folder, const std::string& name = "test");

}  // namespace conformance
}  // namespace drover
