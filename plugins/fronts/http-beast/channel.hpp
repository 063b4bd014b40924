#pragma once

#include <list>
#include <mutex>
#include <string>

#include "drover/services/http_front.hpp"
#include "drover/sync.hpp"
#include "site.hpp"
#include "web_socket_frames.hpp"

namespace drover::http_beast {

class Connection;

/// What a session holds of its WebSocket. It may outlive the connection; then everything is refused.
///
/// Owners: the connection, and whoever the session gave it to.
class Channel final : public WebSocket, public std::enable_shared_from_this<Channel> {
public:
    Channel(std::shared_ptr<Connection> connection, std::size_t message_limit);

    // Any thread.
    Async<Result<WebSocketMessage>> read() override;
    Async<Result<void>> write(WebSocketMessage message) override;
    void close(std::uint16_t code, std::string reason) override;

    // The rest is the connection's, on its strand.
    void take(std::string_view bytes);
    bool wants_input() const;
    void on_sent();
    /// The connection is gone, or the session ended: nobody calls the connection any more.
    void detach(const std::string& why);
    /// Sends Close, once; then nothing but what is queued.
    void say_goodbye(std::uint16_t code, std::string_view reason);
    /// When to look after the peer next.
    Ticks next_due() const;
    /// False when the peer is to be cut.
    bool look_after(Ticks now);
    bool said_goodbye() const { return said_goodbye_; }

private:
    std::shared_ptr<Connection> connection() const;
    void flush_outgoing();
    void on_message(WebSocketMessage message);
    void fail(std::uint16_t code, std::string_view why);
    void on_close();
    void end_reading(Error why);
    bool full() const { return queued_bytes_ >= kQueueBytes || queue_.size() >= kQueueMessages; }

    static constexpr std::size_t kQueueBytes = 64 * 1024;
    static constexpr std::size_t kQueueMessages = 64;

    mutable std::mutex mutex_;
    std::shared_ptr<Connection> connection_;                        // guarded by mutex_; owners: see Connection
    std::list<WebSocketMessage> queue_;                             // guarded by mutex_
    std::size_t queued_bytes_ = 0;                                  // guarded by mutex_
    std::optional<Error> no_more_input_;                            // guarded by mutex_
    std::optional<Error> no_more_output_;                           // guarded by mutex_
    std::optional<std::pair<std::uint16_t, std::string>> goodbye_;  // guarded by mutex_: what `close` asked for
    bool input_paused_ = false;                                     // guarded by mutex_
    bool flush_posted_ = false;                                     // guarded by mutex_
    std::string outgoing_;              // guarded by mutex_: frames not handed to the connection yet
    std::size_t unsent_ = 0;            // guarded by mutex_: what the connection had not sent lately
    drover::detail::WaiterPtr reader_;  // guarded by mutex_
    drover::detail::WaiterPtr writer_;  // guarded by mutex_

    // The strand's.
    WebSocketFrames frames_;
    Ticks heard_at_ = 0;
    bool pinged_ = false;
    bool said_goodbye_ = false;
};

}  // namespace drover::http_beast
