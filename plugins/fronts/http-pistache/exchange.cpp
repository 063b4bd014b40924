// The task's half of a connection: handlers run here, and answers are sent.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include <array>
#include <cerrno>

#include "connection.hpp"
#include "http1/response_head.hpp"

namespace drover::http_pistache {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kNoStreams =
    "This answer is a stream, which the HTTP front drover.http-pistache cannot send. "
    "Set service.http = http-beast.";
constexpr std::string_view kNoWebSockets =
    "This is a WebSocket, which the HTTP front drover.http-pistache does not know. "
    "Set service.http = http-beast.";

}  // namespace

Async<void> Connection::serve(TaskHandle task, TurnPtr turn) {
    const auto self = shared_from_this();
    try {
        auto serving = serve_turns(std::move(task), std::move(turn));
        co_await std::move(serving);
    } catch (...) {
        // It was cancelled by who cut it, or with the whole server.
        cut();
    }
}

Async<void> Connection::serve_turns(TaskHandle task, TurnPtr turn) {
    while (turn) {
        Answer answer;
        if (turn->refusal) {
            answer = error_answer(*turn, turn->refusal->status, turn->refusal->why, false);
        } else {
            if (!begin_handling(task, *turn)) co_return;
            std::optional<Result<HttpReply>> reply;
            try {
                auto running = site_->handler()(std::move(turn->request));
                reply.emplace(co_await std::move(running));
            } catch (...) {
                reply.emplace(error_of(std::current_exception()));
            }
            answer = answer_of(*turn, std::move(*reply));
        }
        if (!begin_answering(task, *turn)) co_return;
        const bool keep_alive = answer.keep_alive;
        auto sending = transmit(std::move(answer.head), std::move(answer.body));
        const bool sent = co_await std::move(sending);
        if (!sent) co_return cut();
        turn = after_answer(*turn, keep_alive);
    }
}

bool Connection::begin_handling(const TaskHandle& task, const Turn& turn) {
    const std::lock_guard lock(mutex_);
    if (turn.number != turns_ || phase_ != Phase::handling) return false;
    task_ = task;
    site_->count_request();
    return true;
}

bool Connection::begin_answering(const TaskHandle& task, const Turn& turn) {
    const std::lock_guard lock(mutex_);
    if (turn.number != turns_) return false;
    task_ = task;
    phase_ = Phase::answering;
    clear_due();
    return true;
}

Connection::TurnPtr Connection::after_answer(const Turn& turn, bool keep_alive) {
    const std::lock_guard lock(mutex_);
    if (turn.number != turns_) return nullptr;
    clear_due();
    if (!keep_alive || site_->draining()) {
        linger();
        return nullptr;
    }
    phase_ = Phase::head;
    task_ = {};
    set_due(site_->limits().idle_timeout);
    return next_turn();
}

// ---- answers ----

Connection::Answer Connection::answer_of(const Turn& turn, Result<HttpReply> reply) {
    if (!reply) return failure(turn, reply.error());
    if (auto* const response = std::get_if<HttpResponse>(&*reply)) return answer_of(turn, std::move(*response));
    site_->count_refusal();
    const auto why = std::holds_alternative<HttpStreamed>(*reply) ? kNoStreams : kNoWebSockets;
    return error_answer(turn, 501, why, turn.keep_alive);
}

Connection::Answer Connection::answer_of(const Turn& turn, HttpResponse response) {
    if (response.status < 200 || response.status > 999)
        return failure(turn,
                       Error(Errc::internal, "the handler answered with status " + std::to_string(response.status)));
    const bool bodiless = http1::is_bodiless(response.status);
    http1::HeadFacts facts{.status = response.status,
                           .reason = reason_phrase(response.status),
                           .keep_alive = turn.keep_alive && !site_->draining(),
                           .http11 = turn.http11,
                           .now = site_->wall()};
    if (!bodiless) facts.content_length = response.body.size();
    Answer answer;
    answer.keep_alive = facts.keep_alive;
    if (!http1::append_head(answer.head, facts, response.headers))
        return failure(turn, Error(Errc::internal, "the handler answered with a header that cannot be sent"));
    if (!bodiless && !turn.head_only) answer.body = std::move(response.body);
    return answer;
}

Connection::Answer Connection::failure(const Turn& turn, const Error& error) {
    if (error.code() != Errc::cancelled)
        site_->log().error("a handler failed", {{"listener", site_->name()}, {"error", error.describe()}});
    site_->count_refusal();
    return error_answer(turn, 500, "The server failed to answer this request.", turn.keep_alive);
}

Connection::Answer Connection::error_answer(const Turn& turn, int status, std::string_view why, bool keep_alive) {
    Answer answer;
    answer.keep_alive = keep_alive && !site_->draining();
    const http1::HeadFacts facts{.status = status,
                                 .reason = reason_phrase(status),
                                 .content_length = why.size() + 1,
                                 .keep_alive = answer.keep_alive,
                                 .http11 = turn.http11,
                                 .now = site_->wall()};
    (void)http1::append_head(answer.head, facts, {{"Content-Type", "text/plain; charset=utf-8"}});
    if (turn.head_only) return answer;
    answer.body = why;
    answer.body += '\n';
    return answer;
}

// ---- output ----

Async<bool> Connection::transmit(std::string head, std::string body) {
    std::optional<asio::posix::basic_stream_descriptor<Executor>> watch;
    std::size_t sent = 0;
    for (;;) {
        const auto outcome = send_some(head, body, sent);
        if (outcome != Sent::part) co_return outcome == Sent::all;
        if (!watch) {
            // A descriptor of our own: Pistache's may be closed, and its number given away, while we wait.
            const int copy = duplicate_socket();
            if (copy < 0) co_return false;
            const auto executor = co_await asio::this_coro::executor;
            watch.emplace(executor, copy);
        }
        co_await watch->async_wait(asio::posix::descriptor_base::wait_write, asio::use_awaitable_t<Executor>{});
    }
}

Connection::Sent Connection::send_some(const std::string& head, const std::string& body, std::size_t& sent) {
    const auto total = head.size() + body.size();
    for (;;) {
        const std::lock_guard lock(mutex_);
        if (socket_ < 0 || phase_ != Phase::answering) return Sent::lost;
        std::array<iovec, 2> pieces{};
        std::size_t count = 0;
        const auto add = [&](const std::string& text, std::size_t skip) {
            if (skip < text.size()) pieces[count++] = {const_cast<char*>(text.data()) + skip, text.size() - skip};
        };
        add(head, sent);
        add(body, sent > head.size() ? sent - head.size() : 0);
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = count;
        const auto moved = ::sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (moved < 0 && errno == EINTR) continue;
        if (moved < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return Sent::lost;
        if (moved > 0) {
            sent += static_cast<std::size_t>(moved);
            if (sent == total) return Sent::all;
            set_due(site_->limits().write_timeout);
            continue;
        }
        if (due_ == kNoDeadline) set_due(site_->limits().write_timeout);
        return Sent::part;
    }
}

int Connection::duplicate_socket() {
    const std::lock_guard lock(mutex_);
    return socket_ < 0 ? -1 : ::fcntl(socket_, F_DUPFD_CLOEXEC, 0);
}

}  // namespace drover::http_pistache
