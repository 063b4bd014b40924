#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http1/body_reader.hpp"
#include "http1/message_head.hpp"
#include "site.hpp"

namespace drover::http_pistache {

/// One client.
///
/// Bytes come in on a thread of Pistache, which never waits for us. When they make a request, a task on the
/// executor runs the handler, sends the answer, goes on with what was sent ahead, and ends: an idle
/// connection has none. Answers are written to the socket under the mutex that `ended` takes before Pistache
/// closes it, so they cannot reach whoever gets its number next.
///
/// Owners: Pistache's peer, and the task. Thread-safety: any thread.
class Connection final : public Inbound, public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<Site> site, int socket, std::string remote, std::unique_ptr<Tap> tap);
    ~Connection() override;

    void received(std::string_view bytes) noexcept override;
    void ended() noexcept override;

    /// It is one of those that are served; until then its bytes wait.
    void admit();
    Ticks deadline() const { return due_mirror_.load(std::memory_order_relaxed); }
    void on_deadline(Ticks now);
    void drain();
    /// Ends it now, and what it runs.
    void cut();

private:
    enum class Phase : unsigned char {
        waiting,  // for room
        head,     // between requests, or in the middle of a head
        body,
        handling,   // a handler runs
        answering,  // an answer is being sent
        lingering,  // nothing more is sent; what still comes is dropped, so that the client reads our last words
        cut,        // Pistache has yet to notice
        gone        // the socket is not ours any more
    };
    struct Incoming {
        HttpRequest request;
        http1::MessageHead head;
        http1::BodyReader body;
    };
    /// What a task has to do: one request to handle, or one to refuse.
    struct Turn {
        unsigned number = 0;
        HttpRequest request{};
        std::optional<http1::Refusal> refusal{};
        bool head_only = false;
        bool http11 = true;
        bool keep_alive = true;
    };
    using TurnPtr = std::shared_ptr<Turn>;
    struct Answer {
        std::string head;
        std::string body;
        bool keep_alive = true;
    };
    enum class Sent : unsigned char { all, part, lost };

    // With mutex_ held.
    TurnPtr next_turn();
    bool parse_head();
    bool parse_body();
    TurnPtr make_turn();
    TurnPtr make_refusal(http1::Refusal refusal);
    void send_continue();
    void restrain();
    void relax();
    bool has_unread() const;
    void linger();
    void cut_now();
    void set_due(std::chrono::milliseconds from_now);
    void clear_due();

    void take(std::string_view bytes);
    void begin(TurnPtr turn);
    Async<void> serve(TaskHandle task, TurnPtr turn);
    Async<void> serve_turns(TaskHandle task, TurnPtr turn);
    bool begin_handling(const TaskHandle& task, const Turn& turn);
    bool begin_answering(const TaskHandle& task, const Turn& turn);
    TurnPtr after_answer(const Turn& turn, bool keep_alive);
    Answer answer_of(const Turn& turn, Result<HttpReply> reply);
    Answer answer_of(const Turn& turn, HttpResponse response);
    Answer failure(const Turn& turn, const Error& error);
    Answer error_answer(const Turn& turn, int status, std::string_view why, bool keep_alive);
    Async<bool> transmit(std::string head, std::string body);
    Sent send_some(const std::string& head, const std::string& body, std::size_t& sent);
    int duplicate_socket();

    const std::shared_ptr<Site> site_;  // owners: see Site
    const std::string remote_;
    const std::unique_ptr<Tap> tap_;
    std::atomic<Ticks> due_mirror_{kNoDeadline};

    std::mutex mutex_;
    // All below is guarded by mutex_.
    int socket_;  // -1 when it is not ours any more
    Phase phase_ = Phase::waiting;
    bool began_ = false;       // the first byte of a head has come
    bool restrained_ = false;  // Pistache does not read now
    std::string in_;           // not parsed yet
    std::unique_ptr<Incoming> incoming_;
    std::optional<http1::Refusal> refusal_;
    unsigned turns_ = 0;  // the number of the turn that counts; others were overtaken
    TaskHandle task_;
    Ticks due_ = kNoDeadline;
};

}  // namespace drover::http_pistache
