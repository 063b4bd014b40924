#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "drover/clock.hpp"
#include "drover/facade.hpp"
#include "drover/options.hpp"

namespace [[gnu::visibility("default")]] drover {

/// In the order they came. Names are compared without regard to case (RFC 9110, section 5.1).
class HttpHeaders {
public:
    using List = std::vector<std::pair<std::string, std::string>>;
    HttpHeaders() = default;
    HttpHeaders(std::initializer_list<List::value_type> list) : list_(list) {}

    void add(std::string name, std::string value) { list_.emplace_back(std::move(name), std::move(value)); }
    /// Replaces all of that name.
    void set(std::string_view name, std::string value);
    /// The first of that name; empty when there is none.
    std::string_view get(std::string_view name) const;
    bool has(std::string_view name) const;
    const List& list() const { return list_; }

private:
    List list_;
};

struct HttpRequest {
    std::string method;  ///< upper-case
    std::string target;  ///< as it stood in the request line
    std::string path;    ///< of the target, still percent-encoded
    std::string query;   ///< of the target, without '?', still percent-encoded
    HttpHeaders headers;
    std::string body;    ///< whole; the front answered 413 by itself when it was too large
    std::string remote;  ///< the peer's IP address, without port
    bool tls = false;
    bool wants_websocket = false;  ///< a valid upgrade request (RFC 6455, section 4.2.1)
};

struct HttpResponse {
    int status = 200;
    HttpHeaders headers;  ///< Content-Length, Date, Connection are the front's affair
    std::string body;
};

/// Where a streamed body goes. Used by one coroutine at a time.
class HttpStream {
public:
    virtual ~HttpStream() = default;
    /// Sends a piece; suspends while the client is slower. An empty piece sends nothing.
    /// Errors: unavailable (the client has gone, or was cut because it read nothing for the write
    /// timeout), cancelled (the server drains).
    virtual Async<Result<void>> write(std::string piece) = 0;
};

/// A streamed answer: the head goes out at once, then `produce` runs; the body ends when it returns.
struct HttpStreamed {
    int status = 200;
    HttpHeaders headers;
    std::function<Async<void>(HttpStream&)> produce;
};

struct WebSocketMessage {
    bool text = true;
    std::string data;
};

/// One WebSocket session (RFC 6455). `read` and `write` may be used by two coroutines at the same time,
/// each by one only. Pings and pongs are the front's affair.
class WebSocket {
public:
    virtual ~WebSocket() = default;
    /// Errors: unavailable (closed by either side), exhausted (larger than the limit), cancelled.
    virtual Async<Result<WebSocketMessage>> read() = 0;
    /// Errors: unavailable, cancelled.
    virtual Async<Result<void>> write(WebSocketMessage message) = 0;
    /// Says goodbye; `read` ends. Any thread.
    virtual void close(std::uint16_t code, std::string reason) = 0;
};

/// Accepts the upgrade and runs `session`; the connection closes when it returns.
struct WebSocketUpgrade {
    HttpHeaders headers;
    std::function<Async<void>(std::shared_ptr<WebSocket>)> session;
};

using HttpReply = std::variant<HttpResponse, HttpStreamed, WebSocketUpgrade>;
/// Called for each request, on a strand of its own. An error becomes a 500 that shows nothing of it.
using HttpHandler = std::function<Async<Result<HttpReply>>(HttpRequest)>;

struct HttpLimits {
    std::size_t header_bytes = 16 * 1024;               ///< request line and headers; 431 above
    std::size_t target_bytes = 8 * 1024;                ///< request target; 414 above
    std::size_t body_bytes = 1024 * 1024;               ///< 413 above
    std::size_t message_bytes = 1024 * 1024;            ///< WebSocket; close code 1009 above
    std::size_t connections = 15'000;                   ///< at the same time; more wait to be accepted
    std::size_t pipelined = 16;                         ///< requests of one connection read ahead
    std::chrono::milliseconds header_timeout{10'000};   ///< from the first byte to the end of the headers
    std::chrono::milliseconds body_timeout{30'000};     ///< for the whole body
    std::chrono::milliseconds idle_timeout{75'000};     ///< between requests
    std::chrono::milliseconds write_timeout{30'000};    ///< a client that reads nothing for this long is cut
    std::chrono::milliseconds handler_timeout{60'000};  ///< until the handler answers; 503 above
    std::chrono::milliseconds ping_interval{30'000};    ///< WebSocket; a peer silent for two of these is cut
};

struct HttpTls {
    std::string certificate_file;  ///< PEM, chain; empty: no TLS
    std::string key_file;          ///< PEM
};

struct HttpListenOptions {
    Address address;  ///< port 0 takes a free one
    HttpTls tls{};
    HttpLimits limits{};
    std::string name{};  ///< who listens, for logs and metrics: "api"
};

struct HttpCounters {
    std::uint64_t connections = 0;  ///< open now
    std::uint64_t requests = 0;     ///< since the start
    std::uint64_t refused = 0;      ///< answered by the front itself, with 4xx or 5xx
};

/// One listening port. Destroying it is `stop` without patience.
class HttpListener {
public:
    virtual ~HttpListener() = default;
    /// With the real port.
    virtual Address address() const = 0;
    virtual HttpCounters counters() const = 0;
    /// Accepts no more, answers what is under way with Connection: close, ends streams and WebSockets
    /// (close code 1001), and closes every connection by `deadline`. Afterwards the handler is not called.
    /// Errors: timeout (some handlers still ran; their connections are closed).
    virtual Async<Result<void>> stop(Deadline deadline) = 0;
};

/// How HTTP/1.1 comes in.
///
/// The front answers what is malformed (400), too large (413, 414, 431), too slow (408), of an unknown
/// transfer coding (501) or version (505) by itself, and closes then. HEAD is answered by the handler for
/// HEAD, without the body. No reply ever reaches another connection than the one that asked.
/// Thread-safety: every method may be called from any thread.
/// Traits: stream, websocket, tls = true: it knows HttpStreamed, WebSocketUpgrade, HttpTls (where not, such
///         a reply becomes a 501 that says which front does it, and such a listen is refused);
///         strict_framing = true: requests that two parsers may read differently are refused.
class HttpFront {
public:
    static constexpr std::string_view kId = "drover.http";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "http";
    virtual ~HttpFront() = default;

    /// Errors: invalid (certificate, address), unavailable (the port is taken), denied (this front does
    ///         not listen there), unsupported (see traits).
    virtual Async<Result<std::unique_ptr<HttpListener>>> listen(HttpListenOptions options, HttpHandler handler) = 0;
};

template <>
std::shared_ptr<HttpFront> make_facade<HttpFront>(std::shared_ptr<Binding> binding);

}  // namespace drover
