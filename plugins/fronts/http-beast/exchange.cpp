// The task's half of a connection: what handlers, stream producers and sessions see.
#include <sys/socket.h>

#include <array>
#include <charconv>

#include "channel.hpp"
#include "http1/response_head.hpp"
#include "second_reader.hpp"
#include "sleeping.hpp"
#include "web_socket_accept.hpp"

namespace drover::http_beast {

namespace asio = boost::asio;

namespace {

/// Smaller bodies are copied behind their head, to go out as one piece.
constexpr std::size_t kCopiedBody = 16 * 1024;
constexpr std::size_t kStreamHighWater = 64 * 1024;
/// A producer faster than its client must not keep the thread.
constexpr unsigned kEagerWrites = 32;

class StreamWriter final : public HttpStream {
public:
    explicit StreamWriter(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
    Async<Result<void>> write(std::string piece) override { return connection_->stream_write(std::move(piece)); }

private:
    const std::shared_ptr<Connection> connection_;  // owners: see Connection
};

void append_chunk(std::string& out, std::string_view piece) {
    std::array<char, 18> size;
    const auto end = std::to_chars(size.data(), size.data() + size.size(), piece.size(), 16).ptr;
    out.append(size.data(), end);
    out += "\r\n";
    out += piece;
    out += "\r\n";
}

bool is_cancellation(const Error& error) { return error.code() == Errc::cancelled; }

}  // namespace

Async<void> Connection::answer() {
    std::optional<Result<HttpReply>> outcome;
    try {
        auto running = site_->handler()(std::move(incoming_->request));
        outcome.emplace(co_await std::move(running));
    } catch (...) {
        outcome.emplace(error_of(std::current_exception()));
    }
    if (taken_over()) co_return;
    clear_deadline();
    auto& reply = *outcome;
    if (!reply) fail(reply.error());
    else if (auto* const response = std::get_if<HttpResponse>(&*reply)) deliver(std::move(*response));
    else if (auto* const streamed = std::get_if<HttpStreamed>(&*reply)) begin_stream(std::move(*streamed));
    else begin_session(std::move(std::get<WebSocketUpgrade>(*reply)));
}

void Connection::fail(const Error& error) {
    site_->log().error("a handler failed", {{"listener", site_->name()}, {"error", error.describe()}});
    site_->count_refusal();
    out_.clear();
    if (draining_) keep_alive_ = false;
    phase_ = Phase::answering;
    write_error(500, "The server failed to answer this request.");
    flush();
}

void Connection::deliver(HttpResponse response) {
    if (draining_ || task_ending_) keep_alive_ = false;
    const bool bodiless = http1::is_bodiless(response.status);
    http1::HeadFacts facts{.status = response.status,
                           .reason = reason_phrase(response.status),
                           .keep_alive = keep_alive_,
                           .http11 = http11_,
                           .now = site_->wall()};
    if (!bodiless) facts.content_length = response.body.size();
    if (response.status < 200 || response.status > 999)
        return fail(Error(Errc::internal, "the handler answered with status " + std::to_string(response.status)));
    if (!http1::append_head(out_, facts, response.headers))
        return fail(Error(Errc::internal, "the handler answered with a header that cannot be sent"));
    if (!bodiless && !head_only_) {
        if (response.body.size() <= kCopiedBody) out_ += response.body;
        else big_ = std::move(response.body);
    }
    phase_ = Phase::answering;
    flush();
}

void Connection::begin_stream(HttpStreamed streamed) {
    if (draining_ || task_ending_ || !http11_) keep_alive_ = false;
    const bool bodiless = http1::is_bodiless(streamed.status) || head_only_;
    chunked_out_ = http11_ && !http1::is_bodiless(streamed.status);
    const http1::HeadFacts facts{.status = streamed.status,
                                 .reason = reason_phrase(streamed.status),
                                 .chunked = chunked_out_,
                                 .keep_alive = keep_alive_,
                                 .http11 = http11_,
                                 .now = site_->wall()};
    if (streamed.status < 200 || streamed.status > 999 || !streamed.produce)
        return fail(Error(Errc::internal, "the handler answered with a stream that cannot be sent"));
    if (!http1::append_head(out_, facts, streamed.headers))
        return fail(Error(Errc::internal, "the handler answered with a header that cannot be sent"));
    if (bodiless) {
        phase_ = Phase::answering;
        return flush();
    }
    streamed_ = std::make_unique<HttpStreamed>(std::move(streamed));
    phase_ = Phase::streaming;
    flush();
    wait_as_needed();
}

Async<void> Connection::produce() {
    const auto streamed = std::move(streamed_);
    if (phase_ != Phase::streaming) co_return;
    bool complete = true;
    StreamWriter writer(shared_from_this());
    if (draining_) task_.cancel();
    try {
        auto running = streamed->produce(writer);
        co_await std::move(running);
    } catch (...) {
        complete = false;
        const auto error = error_of(std::current_exception());
        if (!is_cancellation(error))
            site_->log().error("a stream failed", {{"listener", site_->name()}, {"error", error.describe()}});
    }
    end_stream(complete);
}

void Connection::end_stream(bool complete) {
    if (phase_ != Phase::streaming) return;
    keep_alive_ = keep_alive_ && complete;
    if (!complete && chunked_out_) {
        // Without the last chunk the client does not take the part for the whole.
        phase_ = Phase::farewell;
        return flush();
    }
    if (!complete) {
        // The end of the connection would be the end of the body: a reset instead.
        const linger reset{1, 0};
        ::setsockopt(transport_.socket().native_handle(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        return close_now();
    }
    if (chunked_out_) out_ += "0\r\n\r\n";
    phase_ = Phase::answering;
    flush();
}

std::optional<Error> Connection::stream_refusal() const {
    if (phase_ != Phase::streaming) return Error(Errc::unavailable, "the client has gone");
    if (draining_) return Error(Errc::cancelled, "the server drains");
    return std::nullopt;
}

Async<Result<void>> Connection::stream_write(std::string piece) {
    const auto self = shared_from_this();
    OneShot<void> sent;
    const auto put = [](Connection& connection, const std::string& bytes, OneShot<void>& done) {
        if (auto refusal = connection.stream_refusal()) return void(done.set(*refusal));
        if (bytes.empty()) return void(done.set(ok));
        if (connection.chunked_out_) append_chunk(connection.out_, bytes);
        else connection.out_ += bytes;
        connection.flush();
        if (auto refusal = connection.stream_refusal()) return void(done.set(*refusal));
        if (connection.unsent() <= kStreamHighWater) return void(done.set(ok));
        connection.drained_ = done;
    };
    if (strand_->running_in_this_thread()) {
        if (auto refusal = stream_refusal()) co_return *refusal;
        put(*this, piece, sent);
        if (++eager_writes_ % kEagerWrites == 0) co_await asio::post(*strand_, asio::deferred);
    } else {
        asio::post(*strand_, [self, sent, put, piece = std::move(piece)]() mutable {
            put(*self, piece, sent);
            self->settle();
        });
    }
    co_return co_await sent.take();
}

void Connection::begin_session(WebSocketUpgrade upgrade) {
    if (incoming_->websocket_key.empty()) {
        site_->count_refusal();
        if (draining_) keep_alive_ = false;
        phase_ = Phase::answering;
        write_error(426, "This is a WebSocket: ask with an upgrade request, version 13.");
        return flush();
    }
    if (!upgrade.session) return fail(Error(Errc::internal, "the handler accepted a WebSocket without a session"));
    if (!http1::append_upgrade_head(out_, web_socket_accept(incoming_->websocket_key), upgrade.headers))
        return fail(Error(Errc::internal, "the handler answered with a header that cannot be sent"));
    incoming_.reset();
    upgrade_ = std::make_unique<WebSocketUpgrade>(std::move(upgrade));
    phase_ = Phase::upgraded;
    channel_ = std::make_shared<Channel>(shared_from_this(), site_->limits().message_bytes);
    phase_due_ = channel_->next_due();
    publish_deadline();
    flush();
    if (phase_ != Phase::upgraded) return;
    if (const auto early = std::exchange(in_, {}); !early.empty()) channel_->take(early);
    if (draining_ && phase_ == Phase::upgraded) channel_->say_goodbye(1001, "the server is going away");
    wait_as_needed();
}

Async<void> Connection::converse() {
    const auto session = std::exchange(upgrade_->session, nullptr);
    upgrade_.reset();
    if (!channel_) co_return;
    try {
        auto running = session(channel_);
        co_await std::move(running);
    } catch (...) {
        const auto error = error_of(std::current_exception());
        if (!is_cancellation(error))
            site_->log().error("a session failed", {{"listener", site_->name()}, {"error", error.describe()}});
        if (channel_) channel_->say_goodbye(1011, "");
    }
    if (channel_) channel_->say_goodbye(1000, "");
}

}  // namespace drover::http_beast
