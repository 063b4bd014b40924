#pragma once

#include <mutex>
#include <vector>

#include "drover/conformance/http_kit.hpp"

// What the WebSocket cases share.
namespace drover::conformance {

#define WEBSOCKET_CASE(case_name) DROVER_KIT_CASE(HttpKit, http_cases, case_name)

/// What a session tells its case.
class SocketNotes {
public:
    Gate ended;
    std::atomic<std::uint64_t> written{0};

    void add(std::string text) {
        const std::lock_guard lock(mutex_);
        ++count_;
        if (text.size() <= kNoted) texts_.push_back(std::move(text));
    }
    void end(Error why) {
        {
            const std::lock_guard lock(mutex_);
            why_ = std::move(why);
        }
        ended.open();
    }
    void refused_with(const Error& error) { refusal_ = static_cast<int>(error.code()); }
    void keep(std::shared_ptr<WebSocket> socket) {
        const std::lock_guard lock(mutex_);
        kept_ = std::move(socket);
    }
    int refusal() const { return refusal_.load(); }
    std::size_t count() const {
        const std::lock_guard lock(mutex_);
        return count_;
    }
    std::vector<std::string> texts() const {
        const std::lock_guard lock(mutex_);
        return texts_;
    }
    Error why() const {
        const std::lock_guard lock(mutex_);
        return why_;
    }
    std::shared_ptr<WebSocket> kept() const {
        const std::lock_guard lock(mutex_);
        return kept_;
    }

private:
    static constexpr std::size_t kNoted = 1'000;
    mutable std::mutex mutex_;
    std::size_t count_ = 0;                                 // guarded by mutex_
    std::vector<std::string> texts_;                        // guarded by mutex_: the short ones
    Error why_{Errc::internal, "the session did not end"};  // guarded by mutex_
    std::shared_ptr<WebSocket> kept_;                       // guarded by mutex_; owners: the session and its case
    std::atomic<int> refusal_{0};
};

/// Notes each message until reading ends, and why it did.
inline Async<void> note_all(std::shared_ptr<SocketNotes> notes, std::shared_ptr<WebSocket> socket) {
    for (;;) {
        auto message = co_await socket->read();
        if (!message) {
            notes->end(message.error());
            co_return;
        }
        notes->add(std::move(message->data));
    }
}

inline Async<void> wait_ended(std::shared_ptr<SocketNotes> notes) { (void)co_await notes->ended.wait(); }

inline HttpHandler upgrading(std::function<Async<void>(std::shared_ptr<WebSocket>)> session) {
    return [session = std::move(session)](HttpRequest) -> Async<Result<HttpReply>> {
        co_return HttpReply(WebSocketUpgrade{{}, session});
    };
}

inline HttpHandler noting(std::shared_ptr<SocketNotes> notes) {
    return upgrading(
        [notes = std::move(notes)](std::shared_ptr<WebSocket> socket) { return note_all(notes, std::move(socket)); });
}

inline Async<void> echo_all(std::shared_ptr<WebSocket> socket) {
    for (;;) {
        auto message = co_await socket->read();
        if (!message) co_return;
        const auto sent = co_await socket->write(std::move(*message));
        if (!sent) co_return;
    }
}

inline HttpHandler echoing() {
    return upgrading([](std::shared_ptr<WebSocket> socket) { return echo_all(std::move(socket)); });
}

}  // namespace drover::conformance
