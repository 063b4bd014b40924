#include "connection.hpp"

#include <array>

#include "channel.hpp"
#include "http1/response_head.hpp"
#include "second_reader.hpp"
#include "sleeping.hpp"

namespace drover::http_beast {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kReadAhead = 64 * 1024;
constexpr std::size_t kKeptCapacity = 4 * 1024;
constexpr auto kLinger = 2s;
constexpr auto kShortLinger = 300ms;  // while the server goes
constexpr auto kSessionGrace = 5s;
constexpr auto kGoodbyeWait = 5s;

std::size_t count_heads(std::string_view bytes) {
    std::size_t count = 0;
    for (auto at = bytes.find("\r\n\r\n"); at != std::string_view::npos; at = bytes.find("\r\n\r\n", at + 4)) ++count;
    return count;
}

void release(std::string& buffer) {
    if (buffer.capacity() > kKeptCapacity) buffer = {};
    else buffer.clear();
}

}  // namespace

Connection::Connection(std::shared_ptr<Site> site, Transport transport, std::string remote, Semaphore::Permit permit)
    : site_(std::move(site)),
      transport_(std::move(transport)),
      remote_(std::move(remote)),
      permit_(std::move(permit)) {}

Connection::~Connection() = default;

// ---- the task ----

Async<void> Connection::run(TaskHandle task) {
    const auto self = shared_from_this();
    const auto executor = co_await asio::this_coro::executor;
    strand_ = *executor.target<Strand>();
    task_ = std::move(task);
    set_deadline(transport_.tls() ? site_->limits().header_timeout : site_->limits().idle_timeout);
    site_->enter(*this);
    try {
        for (;;) {
            co_await sleep();
            if (phase_ != Phase::handling) break;
            co_await answer();
            if (streamed_) co_await produce();
            if (upgrade_) co_await converse();
        }
    } catch (const std::exception& cancelled) {
        site_->log().debug("a connection was ended", {{"listener", site_->name()}, {"why", cancelled.what()}});
    }
    task_ending_ = true;
    keep_alive_ = false;
    const bool speaking = phase_ == Phase::answering || phase_ == Phase::farewell || phase_ == Phase::lingering ||
                          (phase_ == Phase::upgraded && channel_->said_goodbye());
    if (!speaking) close_now();
    while (phase_ != Phase::closed || pending_ > 0) {
        co_await asio::this_coro::reset_cancellation_state();
        co_await sleep();
    }
    left_ = true;
    site_->leave(*this);
}

void Connection::wake() {
    if (const auto sleeper = std::move(sleeper_)) sleeper->wake();
}

// ---- input ----

void Connection::wait_readable() {
    if (std::exchange(reading_, true)) return;
    transport_.socket().async_wait(Transport::Socket::wait_read, counted([](Connection& self) {
                                       self.reading_ = false;
                                       self.on_readable();
                                   }));
}

void Connection::wait_writable() {
    if (std::exchange(writing_, true)) return;
    transport_.socket().async_wait(Transport::Socket::wait_write, counted([](Connection& self) {
                                       self.writing_ = false;
                                       self.on_writable();
                                   }));
}

bool Connection::wants_input() const {
    switch (phase_) {
        case Phase::head:
        case Phase::body:
        case Phase::lingering: return true;
        case Phase::handling:
        case Phase::streaming:
            return in_.size() < kReadAhead && (in_.empty() || count_heads(in_) < site_->limits().pipelined);
        case Phase::upgraded: return channel_->wants_input();
        case Phase::answering:
        case Phase::farewell:
        case Phase::closed: return false;
    }
    return false;
}

void Connection::wait_as_needed() {
    if (reading_ || !wants_input()) return;
    if (!transport_.has_buffered()) return wait_readable();
    // TLS has bytes that the socket will not announce again.
    reading_ = true;
    asio::post(counted([](Connection& self) {
        self.reading_ = false;
        self.on_readable();
    }));
}

void Connection::on_readable() {
    if (phase_ == Phase::closed) return;
    if (std::exchange(write_needs_read_, false)) flush();
    // Shared by all connections of the thread: an idle one holds no buffer.
    thread_local std::array<char, 64 * 1024> scratch;
    while (wants_input()) {
        const auto moved = transport_.read(scratch);
        switch (moved.outcome) {
            case Transport::Outcome::done: take_bytes({scratch.data(), moved.bytes}); break;
            case Transport::Outcome::wants_read: return wait_readable();
            case Transport::Outcome::wants_write: read_needs_write_ = true; return wait_writable();
            case Transport::Outcome::end: return on_end();
            case Transport::Outcome::failed: return lose("the connection was reset");
        }
        if (!transport_.has_buffered()) break;
    }
    wait_as_needed();
}

void Connection::take_bytes(std::string_view bytes) {
    switch (phase_) {
        case Phase::body:
            if (in_.empty()) bytes.remove_prefix(incoming_->body.take(bytes, incoming_->request.body));
            [[fallthrough]];
        case Phase::head: in_.append(bytes); return pump();
        case Phase::handling:
        case Phase::streaming: in_.append(bytes); return;
        case Phase::upgraded: return channel_->take(bytes);
        case Phase::answering:
        case Phase::farewell:
        case Phase::lingering:
        case Phase::closed: return;
    }
}

void Connection::on_end() {
    peer_ended_ = true;
    switch (phase_) {
        case Phase::handling:
        case Phase::streaming:
        case Phase::upgraded: return lose("the client has gone");
        default: return close_now();
    }
}

void Connection::pump() {
    if (pumping_) return;
    pumping_ = true;
    while ((phase_ == Phase::head || phase_ == Phase::body) && sleeper_ && parse()) take_request();
    pumping_ = false;
    wait_as_needed();
}

bool Connection::parse() {
    if (phase_ == Phase::head && !parse_head()) return false;
    return phase_ == Phase::body && parse_body();
}

bool Connection::parse_head() {
    if (in_.empty()) return false;
    const auto& limits = site_->limits();
    if (!std::exchange(began_, true)) set_deadline(limits.header_timeout);
    const auto scan = http1::scan_head(in_, limits);
    if (scan.refusal) return refuse(*scan.refusal), false;
    if (scan.size == 0) return false;

    incoming_ = std::make_unique<Incoming>();
    auto& [request, head, body, key] = *incoming_;
    const auto bytes = std::string_view(in_).substr(scan.skipped, scan.size);
    auto refusal = http1::read_head(bytes, limits, head, request);
    if (!refusal && read_by_beast(bytes, request) != SecondReading::same)
        refusal = http1::Refusal{400, "The request head is malformed."};
    http11_ = head.http11;
    head_only_ = request.method == "HEAD";
    keep_alive_ = head.keep_alive;
    if (refusal) return refuse(*refusal), false;
    if (const auto too_large = body.begin(head, limits)) return refuse(*too_large), false;
    in_.erase(0, scan.skipped + scan.size);
    request.remote = remote_;
    request.tls = transport_.tls();
    phase_ = Phase::body;
    if (!body.done()) {
        set_deadline(limits.body_timeout);
        if (head.expects_continue && in_.empty()) {
            out_ += "HTTP/1.1 100 Continue\r\n\r\n";
            flush();
        }
    }
    return true;
}

bool Connection::parse_body() {
    auto& body = incoming_->body;
    if (!body.done()) in_.erase(0, body.take(in_, incoming_->request.body));
    if (body.refusal()) return refuse(*body.refusal()), false;
    return body.done();
}

void Connection::take_request() {
    phase_ = Phase::handling;
    began_ = false;
    if (in_.empty()) release(in_);
    auto& request = incoming_->request;
    incoming_->websocket_key = http1::websocket_key(incoming_->head, request);
    request.wants_websocket = !incoming_->websocket_key.empty();
    set_deadline(site_->limits().handler_timeout);
    site_->count_request();
    wake();
}

// ---- output ----

void Connection::on_writable() {
    if (phase_ == Phase::closed) return;
    const bool read = std::exchange(read_needs_write_, false);
    flush();
    if (read) on_readable();
    pump();
}

bool Connection::send(std::string_view bytes) {
    if (phase_ == Phase::closed) return false;
    out_.append(bytes);
    flush();
    return phase_ != Phase::closed;
}

void Connection::flush() {
    if (writing_ && !read_needs_write_) return;
    const auto total = out_.size() + big_.size();
    while (sent_ < total) {
        const std::array<std::string_view, 2> pieces{
            std::string_view(out_).substr(std::min(sent_, out_.size())),
            std::string_view(big_).substr(sent_ > out_.size() ? sent_ - out_.size() : 0)};
        const auto moved = transport_.write(pieces);
        sent_ += moved.bytes;
        if (moved.outcome == Transport::Outcome::failed) return lose("the client has gone");
        if (moved.outcome == Transport::Outcome::done || sent_ == total) continue;
        if (moved.bytes > 0 || write_due_ == kNoDeadline) set_write_deadline(site_->limits().write_timeout);
        write_needs_read_ = moved.outcome == Transport::Outcome::wants_read;
        return write_needs_read_ ? wait_readable() : wait_writable();
    }
    release(out_);
    big_ = {};
    sent_ = 0;
    if (write_due_ != kNoDeadline) {
        write_due_ = kNoDeadline;
        publish_deadline();
    }
    on_flushed();
}

void Connection::on_flushed() {
    switch (phase_) {
        case Phase::answering: return after_answer();
        case Phase::farewell: return begin_linger();
        case Phase::streaming:
            if (const auto waiting = std::exchange(drained_, std::nullopt)) OneShot<void>(*waiting).set(ok);
            return;
        case Phase::upgraded: return channel_->on_sent();
        default: return;
    }
}

void Connection::after_answer() {
    incoming_.reset();
    if (!keep_alive_ || draining_ || task_ending_) return begin_linger();
    phase_ = Phase::head;
    set_deadline(site_->limits().idle_timeout);
}

void Connection::refuse(const http1::Refusal& refusal) {
    site_->count_refusal();
    keep_alive_ = false;
    write_error(refusal.status, refusal.why);
    incoming_.reset();
    clear_deadline();
    phase_ = Phase::farewell;
    flush();
}

void Connection::write_error(int status, std::string_view why) {
    const http1::HeadFacts facts{.status = status,
                                 .reason = reason_phrase(status),
                                 .content_length = why.size() + 1,
                                 .keep_alive = keep_alive_,
                                 .http11 = http11_,
                                 .offers_websocket = status == 426,
                                 .now = site_->wall()};
    (void)http1::append_head(out_, facts, {{"Content-Type", "text/plain; charset=utf-8"}});
    if (head_only_) return;
    out_ += why;
    out_ += '\n';
}

void Connection::read_on() { wait_as_needed(); }

void Connection::expect_goodbye() {
    if (phase_ == Phase::upgraded) set_deadline(kGoodbyeWait);
}

void Connection::finish(bool heard_all) {
    if (phase_ != Phase::upgraded) return;
    peer_ended_ = peer_ended_ || heard_all;
    clear_deadline();
    phase_ = Phase::farewell;
    flush();
}

// ---- ends ----

void Connection::lose(const std::string& why) {
    if (phase_ == Phase::closed) return;
    const bool handler_runs = !sleeper_ && phase_ != Phase::upgraded;
    abandoned_ = true;
    if (const auto waiting = std::exchange(drained_, std::nullopt))
        OneShot<void>(*waiting).set(Error(Errc::unavailable, why));
    if (channel_) channel_->detach(why);
    close_now();
    if (handler_runs) task_.cancel();
}

void Connection::begin_linger() {
    transport_.shutdown_send();
    if (peer_ended_) return close_now();
    phase_ = Phase::lingering;
    in_ = {};
    if (channel_) channel_->detach("the connection was closed");
    set_deadline(draining_ ? kShortLinger : kLinger);
    wait_as_needed();
}

void Connection::close_now() {
    if (phase_ == Phase::closed) return;
    // A session may wait for something else than its WebSocket: it gets a moment, then it is cancelled.
    const bool session_runs = channel_ && !sleeper_ && !task_ending_;
    phase_ = Phase::closed;
    if (channel_) std::exchange(channel_, nullptr)->detach("the connection was closed");
    transport_.close();
    in_ = {};
    out_ = {};
    big_ = {};
    sent_ = 0;
    write_due_ = kNoDeadline;
    if (session_runs) set_deadline(kSessionGrace);
    else clear_deadline();
}

void Connection::settle() {
    if (phase_ == Phase::closed && pending_ == 0) wake();
}

void Connection::set_deadline(std::chrono::milliseconds from_now) {
    phase_due_ = site_->now() + std::chrono::nanoseconds(from_now).count();
    publish_deadline();
}

void Connection::set_write_deadline(std::chrono::milliseconds from_now) {
    write_due_ = site_->now() + std::chrono::nanoseconds(from_now).count();
    publish_deadline();
}

void Connection::publish_deadline() { deadline_.store(std::min(phase_due_, write_due_), std::memory_order_relaxed); }

void Connection::on_deadline() {
    asio::post(*strand_, [self = shared_from_this()] {
        self->handle_deadline();
        self->settle();
    });
}

void Connection::handle_deadline() {
    if (left_) return;
    const auto now = site_->now();
    if (now >= write_due_) return lose("the client read nothing for too long");
    if (now < phase_due_) return;
    clear_deadline();
    switch (phase_) {
        case Phase::head:
            if (!began_) return close_now();
            return refuse({408, "The request headers took too long."});
        case Phase::body: return refuse({408, "The request body took too long."});
        case Phase::handling:
            site_->log().warning(
                "a handler did not answer in time",
                {{"listener", site_->name()}, {"timeout_ms", site_->limits().handler_timeout.count()}});
            abandoned_ = true;
            task_.cancel();
            return refuse({503, "The server took too long to answer."});
        case Phase::upgraded:
            if (channel_->said_goodbye() || !channel_->look_after(now)) return lose("the peer fell silent");
            if (phase_ != Phase::upgraded) return;
            phase_due_ = channel_->next_due();
            return publish_deadline();
        case Phase::lingering: return close_now();
        case Phase::closed: return task_.cancel();
        case Phase::answering:
        case Phase::farewell:
        case Phase::streaming: return;
    }
}

void Connection::drain() {
    asio::post(*strand_, [self = shared_from_this()] {
        self->handle_drain();
        self->settle();
    });
}

void Connection::handle_drain() {
    draining_ = true;
    switch (phase_) {
        case Phase::head:
            // A request may have come that nobody read yet.
            if (!began_ && sleeper_) on_readable();
            if (phase_ == Phase::head && !began_) close_now();
            return;
        case Phase::streaming: return task_.cancel();
        case Phase::upgraded: return channel_->say_goodbye(1001, "the server is going away");
        case Phase::lingering: return set_deadline(kShortLinger);
        default: return;
    }
}

void Connection::cut() {
    asio::post(*strand_, [self = shared_from_this()] {
        self->lose("the server has stopped");
        self->task_.cancel();
        self->settle();
    });
}

}  // namespace drover::http_beast
