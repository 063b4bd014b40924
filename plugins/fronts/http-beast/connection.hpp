#pragma once

#include <boost/asio/strand.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "http1/body_reader.hpp"
#include "http1/message_head.hpp"
#include "site.hpp"
#include "transport.hpp"

namespace drover::http_beast {

class Channel;

/// One client.
///
/// Input and output are driven by callbacks; handlers, stream producers and WebSocket sessions run in the
/// connection's task, one after the other. Both live on the task's strand, so a handler that answers at once
/// costs no hop. The callbacks watch the client while a handler runs, and end its task when the client has
/// gone or the time is over. The task ends last: when no callback is pending any more.
///
/// Owners: its task and its pending callbacks. Thread-safety: the members named below; all else is the
/// strand's.
class Connection final : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<Site> site, Transport transport, std::string remote, Semaphore::Permit permit);
    ~Connection();

    /// The connection's whole life. `task` is its own handle.
    Async<void> run(TaskHandle task);

    // Any thread, once it is entered into the site.
    Ticks deadline() const { return deadline_.load(std::memory_order_relaxed); }
    void on_deadline();
    void drain();
    void cut();

    // For streams and WebSockets.
    using Strand = boost::asio::strand<Executor>;
    const Strand& strand() const { return *strand_; }
    Site& site() { return *site_; }
    /// Errors: unavailable, cancelled.
    Async<Result<void>> stream_write(std::string piece);
    /// Queues bytes of a WebSocket and sends what goes; false when the connection is gone.
    bool send(std::string_view bytes);
    std::size_t unsent() const { return out_.size() + big_.size() - sent_; }
    /// The channel has room again.
    void read_on();
    /// Waits for the peer's Close, not for ever.
    void expect_goodbye();
    /// Everything was said: send what is queued, then close. `heard_all`: the peer will say no more either.
    void finish(bool heard_all);

private:
    friend class Site;  // its list

    enum class Phase : unsigned char {
        head,  // between requests, or in the middle of a head
        body,
        handling,   // a handler runs
        answering,  // the answer waits for the client to take it
        streaming,
        upgraded,   // a WebSocket
        farewell,   // the last bytes go out
        lingering,  // nothing more is sent; what still comes is dropped, so that the client reads our last words
        closed
    };
    struct Incoming {
        HttpRequest request;
        http1::MessageHead head;
        http1::BodyReader body;
        std::string websocket_key;
    };
    /// A coroutine that waits for `wake`.
    struct Sleeper {
        virtual ~Sleeper() = default;
        virtual void wake() = 0;
    };
    template <class Handler>
    struct SleepingHandler;

    // The task.
    auto sleep();
    void wake();
    Async<void> answer();
    Async<void> produce();
    Async<void> converse();
    void deliver(HttpResponse response);
    void fail(const Error& error);
    void begin_stream(HttpStreamed streamed);
    void end_stream(bool complete);
    void begin_session(WebSocketUpgrade upgrade);
    std::optional<Error> stream_refusal() const;

    // Input.
    void pump();
    bool parse();
    bool parse_head();
    bool parse_body();
    void take_request();
    void take_bytes(std::string_view bytes);
    void wait_readable();
    void wait_writable();
    void wait_as_needed();
    bool wants_input() const;
    void on_readable();
    void on_writable();
    void on_end();
    template <class F>
    auto counted(F work);

    // Output.
    void flush();
    void on_flushed();
    void after_answer();
    void refuse(const http1::Refusal& refusal);
    void write_error(int status, std::string_view why);
    bool taken_over() const { return abandoned_ || phase_ != Phase::handling; }

    // Ends.
    void lose(const std::string& why);
    void begin_linger();
    void close_now();
    void settle();

    void set_deadline(std::chrono::milliseconds from_now);
    void set_write_deadline(std::chrono::milliseconds from_now);
    void clear_deadline() { phase_due_ = kNoDeadline, publish_deadline(); }
    void publish_deadline();
    void handle_deadline();
    void handle_drain();

    const std::shared_ptr<Site> site_;  // owners: see Site
    Transport transport_;
    const std::string remote_;
    const Semaphore::Permit permit_;
    std::optional<Strand> strand_;
    TaskHandle task_;
    std::atomic<Ticks> deadline_{kNoDeadline};  // the earlier of the two below
    Ticks phase_due_ = kNoDeadline;
    Ticks write_due_ = kNoDeadline;

    Phase phase_ = Phase::head;
    bool keep_alive_ = true;
    bool http11_ = true;
    bool head_only_ = false;  // the request is a HEAD
    bool chunked_out_ = false;
    bool pumping_ = false;
    bool reading_ = false;           // a wait for readability is pending
    bool writing_ = false;           // a wait for writability is pending
    bool read_needs_write_ = false;  // TLS
    bool write_needs_read_ = false;  // TLS
    bool began_ = false;             // the first byte of a head has come
    bool peer_ended_ = false;        // nothing more comes from the client
    bool draining_ = false;
    bool abandoned_ = false;     // the front answered, or lost the client, while the handler ran
    bool task_ending_ = false;   // the task serves no more requests
    bool left_ = false;          // the task has ended: the site's context may be gone
    unsigned pending_ = 0;       // callbacks
    unsigned eager_writes_ = 0;  // of a stream, without a pause

    std::string in_;  // not parsed yet
    std::unique_ptr<Incoming> incoming_;
    std::string out_;       // sent first
    std::string big_;       // a large body, sent after it without copying
    std::size_t sent_ = 0;  // of out_ and big_
    std::unique_ptr<Sleeper> sleeper_;
    std::unique_ptr<HttpStreamed> streamed_;
    std::unique_ptr<WebSocketUpgrade> upgrade_;
    std::optional<OneShot<void>> drained_;  // a stream's producer waits for room
    std::shared_ptr<Channel> channel_;      // owners: this, and the session that uses it

    Connection* previous_ = nullptr;  // guarded by the site's mutex
    Connection* next_ = nullptr;      // guarded by the site's mutex
    bool listed_ = false;             // guarded by the site's mutex
};

}  // namespace drover::http_beast
