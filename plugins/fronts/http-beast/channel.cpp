#include "channel.hpp"

#include "connection.hpp"

namespace drover::http_beast {

namespace asio = boost::asio;

namespace {

/// A writer waits while more than this is not sent.
constexpr std::size_t kHighWater = 64 * 1024;

Error gone(std::string why) { return Error(Errc::unavailable, std::move(why)); }

void finish(drover::detail::WaiterPtr& waiter) {
    if (const auto waiting = std::exchange(waiter, nullptr)) waiting->finish(WaitOutcome::signalled);
}

}  // namespace

Channel::Channel(std::shared_ptr<Connection> connection, std::size_t message_limit)
    : connection_(std::move(connection)), frames_(message_limit), heard_at_(connection_->site().now()) {}

std::shared_ptr<Connection> Channel::connection() const {
    const std::lock_guard lock(mutex_);
    return connection_;
}

// ---- the session's side ----

Async<Result<WebSocketMessage>> Channel::read() {
    const auto self = shared_from_this();
    for (;;) {
        std::shared_ptr<Connection> paused;
        std::optional<WebSocketMessage> message;
        {
            const std::lock_guard lock(mutex_);
            if (!queue_.empty()) {
                message.emplace(std::move(queue_.front()));
                queue_.pop_front();
                queued_bytes_ -= message->data.size();
                if (input_paused_ && !full()) {
                    input_paused_ = false;
                    paused = connection_;
                }
            } else if (no_more_input_) {
                co_return *no_more_input_;
            }
        }
        if (paused) asio::post(paused->strand(), [paused] { paused->read_on(); });
        if (message) co_return std::move(*message);
        const auto outcome =
            co_await drover::detail::wait(nullptr, Deadline::never(), [this](drover::detail::WaiterPtr waiter) {
                const std::lock_guard lock(mutex_);
                if (!queue_.empty() || no_more_input_) waiter->finish(WaitOutcome::signalled);
                else reader_ = std::move(waiter);
            });
        if (outcome != WaitOutcome::signalled) co_return wait_error(outcome, "a WebSocket message");
    }
}

Async<Result<void>> Channel::write(WebSocketMessage message) {
    const auto self = shared_from_this();
    auto frame = web_socket_frame(message.text ? WebSocketOpcode::text : WebSocketOpcode::binary, message.data);
    message.data = {};
    std::shared_ptr<Connection> connection;
    bool post = false;
    {
        const std::lock_guard lock(mutex_);
        if (no_more_output_) co_return *no_more_output_;
        if (outgoing_.empty()) outgoing_ = std::move(frame);
        else outgoing_ += frame;
        connection = connection_;
        post = !std::exchange(flush_posted_, true);
    }
    if (connection->strand().running_in_this_thread()) flush_outgoing();
    else if (post) asio::post(connection->strand(), [self] { self->flush_outgoing(); });
    connection.reset();
    {
        const std::lock_guard lock(mutex_);
        if (no_more_output_) co_return *no_more_output_;
        if (unsent_ + outgoing_.size() <= kHighWater) co_return ok;
    }
    const auto outcome =
        co_await drover::detail::wait(nullptr, Deadline::never(), [this](drover::detail::WaiterPtr waiter) {
            const std::lock_guard lock(mutex_);
            if (unsent_ + outgoing_.size() <= kHighWater || no_more_output_) waiter->finish(WaitOutcome::signalled);
            else writer_ = std::move(waiter);
        });
    if (outcome != WaitOutcome::signalled) co_return wait_error(outcome, "a WebSocket's peer to read");
    const std::lock_guard lock(mutex_);
    if (no_more_output_) co_return *no_more_output_;
    co_return ok;
}

void Channel::close(std::uint16_t code, std::string reason) {
    std::shared_ptr<Connection> connection;
    {
        const std::lock_guard lock(mutex_);
        if (no_more_output_) return;
        no_more_output_ = gone("the WebSocket was closed by this side");
        if (!no_more_input_) no_more_input_ = no_more_output_;
        // The session may return, and the connection say goodbye by itself, before the strand hears of this.
        goodbye_.emplace(code, std::move(reason));
        connection = connection_;
        finish(reader_);
        finish(writer_);
    }
    if (connection) asio::post(connection->strand(), [self = shared_from_this()] { self->say_goodbye(1000, {}); });
}

// ---- the connection's side ----

void Channel::flush_outgoing() {
    const auto self = shared_from_this();  // sending may fail, and end the connection that owns this
    std::string bytes;
    std::shared_ptr<Connection> connection;
    {
        const std::lock_guard lock(mutex_);
        flush_posted_ = false;
        bytes = std::exchange(outgoing_, {});
        unsent_ += bytes.size();
        connection = connection_;
    }
    if (!connection || said_goodbye_) return;
    if (!bytes.empty()) connection->send(bytes);
    const std::lock_guard lock(mutex_);
    unsent_ = connection->unsent();
    if (unsent_ + outgoing_.size() <= kHighWater) finish(writer_);
}

void Channel::on_sent() {
    const std::lock_guard lock(mutex_);
    unsent_ = 0;
    if (outgoing_.size() <= kHighWater) finish(writer_);
}

bool Channel::wants_input() const {
    const std::lock_guard lock(mutex_);
    return !input_paused_;
}

void Channel::take(std::string_view bytes) {
    const auto self = shared_from_this();
    const auto connection = this->connection();
    if (!connection) return;
    heard_at_ = connection->site().now();
    pinged_ = false;
    for (;;) {
        switch (frames_.next(bytes)) {
            case WebSocketFrames::Event::none: return;
            case WebSocketFrames::Event::message: on_message(frames_.take_message()); break;
            case WebSocketFrames::Event::ping:
                if (!said_goodbye_) connection->send(web_socket_frame(WebSocketOpcode::pong, frames_.payload()));
                break;
            case WebSocketFrames::Event::pong: break;
            case WebSocketFrames::Event::close: return on_close();
            case WebSocketFrames::Event::failed: return fail(frames_.code(), frames_.why());
        }
        if (!this->connection()) return;
    }
}

void Channel::on_message(WebSocketMessage message) {
    const std::lock_guard lock(mutex_);
    if (no_more_input_) return;
    queued_bytes_ += message.data.size();
    queue_.push_back(std::move(message));
    if (full()) input_paused_ = true;
    finish(reader_);
}

void Channel::on_close() {
    const auto code = frames_.code();
    auto why = "the peer closed the WebSocket with code " + std::to_string(code);
    if (!frames_.payload().empty()) why += ": " + std::string(frames_.payload());
    end_reading(gone(std::move(why)));
    say_goodbye(code, {});
    if (const auto connection = this->connection()) connection->finish(true);
}

void Channel::fail(std::uint16_t code, std::string_view why) {
    end_reading(code == 1009 ? Error(Errc::exhausted, "the peer sent a WebSocket message larger than the limit")
                             : gone("the peer broke the WebSocket protocol: " + std::string(why)));
    say_goodbye(code, why);
    if (const auto connection = this->connection()) connection->finish(false);
}

void Channel::end_reading(Error why) {
    const std::lock_guard lock(mutex_);
    if (!no_more_input_) no_more_input_ = std::move(why);
    input_paused_ = false;
    finish(reader_);
}

void Channel::say_goodbye(std::uint16_t code, std::string_view reason) {
    if (said_goodbye_) return;
    const auto self = shared_from_this();
    flush_outgoing();
    said_goodbye_ = true;
    std::optional<std::pair<std::uint16_t, std::string>> asked;
    {
        const std::lock_guard lock(mutex_);
        asked = std::exchange(goodbye_, std::nullopt);
        if (!no_more_output_) no_more_output_ = gone("the WebSocket is closed");
        if (!no_more_input_) no_more_input_ = no_more_output_;
        input_paused_ = false;
        finish(reader_);
        finish(writer_);
    }
    const auto connection = this->connection();
    if (!connection) return;
    connection->expect_goodbye();
    connection->send(asked ? web_socket_close(asked->first, asked->second) : web_socket_close(code, reason));
    connection->read_on();
}

void Channel::detach(const std::string& why) {
    std::shared_ptr<Connection> connection;
    const std::lock_guard lock(mutex_);
    connection = std::exchange(connection_, nullptr);
    if (!no_more_input_) no_more_input_ = gone(why);
    if (!no_more_output_) no_more_output_ = gone(why);
    outgoing_ = {};
    finish(reader_);
    finish(writer_);
}

Ticks Channel::next_due() const {
    const auto connection = this->connection();
    if (!connection) return kNoDeadline;
    const auto interval = std::chrono::nanoseconds(connection->site().limits().ping_interval).count();
    return heard_at_ + (pinged_ ? 2 * interval : interval);
}

bool Channel::look_after(Ticks now) {
    const auto self = shared_from_this();
    const auto connection = this->connection();
    if (!connection) return false;
    const auto interval = std::chrono::nanoseconds(connection->site().limits().ping_interval).count();
    // Nothing is heard while the session does not read: that is not the peer's fault.
    if (!wants_input()) heard_at_ = now;
    if (now - heard_at_ >= 2 * interval) return false;
    if (now - heard_at_ >= interval && !std::exchange(pinged_, true))
        connection->send(web_socket_frame(WebSocketOpcode::ping, {}));
    return true;
}

}  // namespace drover::http_beast
