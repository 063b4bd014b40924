#include "connection.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace drover::http_pistache {

using namespace std::chrono_literals;

namespace {

/// Beyond this Pistache is asked to stop reading, while a request is being answered.
constexpr std::size_t kReadAhead = 64 * 1024;
/// It stops only when the socket is empty, so a fast sender gets further. Not without end: this is more than
/// the kernel's buffers hold, whoever fills it faster than Pistache reads is cut.
constexpr std::size_t kFarthestAhead = 16 * 1024 * 1024;
constexpr std::size_t kKeptCapacity = 4 * 1024;
constexpr auto kLinger = 2s;

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

Connection::Connection(std::shared_ptr<Site> site, int socket, std::string remote, std::unique_ptr<Tap> tap)
    : site_(std::move(site)), remote_(std::move(remote)), tap_(std::move(tap)), socket_(socket) {}

Connection::~Connection() = default;

// ---- input ----

void Connection::admit() {
    TurnPtr turn;
    {
        const std::lock_guard lock(mutex_);
        if (phase_ != Phase::waiting) return;
        phase_ = Phase::head;
        set_due(site_->limits().idle_timeout);
        turn = next_turn();
    }
    begin(std::move(turn));
}

void Connection::received(std::string_view bytes) noexcept {
    try {
        take(bytes);
    } catch (...) {
        cut();
    }
}

void Connection::take(std::string_view bytes) {
    TurnPtr turn;
    {
        const std::lock_guard lock(mutex_);
        switch (phase_) {
            case Phase::body:
                // The usual way of a large body, past the buffer.
                if (in_.empty()) bytes.remove_prefix(incoming_->body.take(bytes, incoming_->request.body));
                [[fallthrough]];
            case Phase::head:
                in_.append(bytes);
                turn = next_turn();
                break;
            case Phase::waiting:
            case Phase::handling:
            case Phase::answering:
                in_.append(bytes);
                restrain();
                break;
            case Phase::lingering:
            case Phase::cut:
            case Phase::gone: break;
        }
    }
    begin(std::move(turn));
}

void Connection::restrain() {
    if (in_.size() > kFarthestAhead) return cut_now();
    if (restrained_ || (in_.size() < kReadAhead && count_heads(in_) < site_->limits().pipelined)) return;
    restrained_ = true;
    tap_->set_open(false);
}

void Connection::relax() {
    if (!std::exchange(restrained_, false)) return;
    if (socket_ >= 0) tap_->set_open(true);
}

Connection::TurnPtr Connection::next_turn() {
    bool complete = phase_ == Phase::body || parse_head();
    complete = complete && parse_body();
    if (refusal_) return make_refusal(*std::exchange(refusal_, std::nullopt));
    if (complete) return make_turn();
    relax();
    return nullptr;
}

bool Connection::parse_head() {
    if (in_.empty()) return false;
    const auto& limits = site_->limits();
    if (!std::exchange(began_, true)) set_due(limits.header_timeout);
    const auto scan = http1::scan_head(in_, limits);
    refusal_ = scan.refusal;
    if (refusal_ || scan.size == 0) return false;

    incoming_ = std::make_unique<Incoming>();
    auto& [request, head, body] = *incoming_;
    refusal_ = http1::read_head(std::string_view(in_).substr(scan.skipped, scan.size), limits, head, request);
    if (!refusal_) refusal_ = body.begin(head, limits);
    if (refusal_) return false;
    in_.erase(0, scan.skipped + scan.size);
    request.remote = remote_;
    phase_ = Phase::body;
    if (body.done()) return true;
    set_due(limits.body_timeout);
    if (head.expects_continue && in_.empty()) send_continue();
    return true;
}

bool Connection::parse_body() {
    auto& [request, head, body] = *incoming_;
    if (!body.done()) in_.erase(0, body.take(in_, request.body));
    refusal_ = body.refusal();
    return !refusal_ && body.done();
}

Connection::TurnPtr Connection::make_turn() {
    const auto incoming = std::exchange(incoming_, nullptr);
    auto turn = std::make_shared<Turn>();
    turn->number = ++turns_;
    turn->request = std::move(incoming->request);
    turn->request.wants_websocket = !http1::websocket_key(incoming->head, turn->request).empty();
    turn->head_only = turn->request.method == "HEAD";
    turn->http11 = incoming->head.http11;
    turn->keep_alive = incoming->head.keep_alive;
    phase_ = Phase::handling;
    began_ = false;
    set_due(site_->limits().handler_timeout);
    if (in_.empty()) release(in_);
    return turn;
}

Connection::TurnPtr Connection::make_refusal(http1::Refusal refusal) {
    site_->count_refusal();
    auto turn = std::make_shared<Turn>();
    turn->number = ++turns_;
    turn->refusal = refusal;
    turn->keep_alive = false;
    if (incoming_) {
        turn->head_only = incoming_->request.method == "HEAD";
        turn->http11 = incoming_->head.http11;
    }
    incoming_.reset();
    in_ = {};
    phase_ = Phase::answering;
    clear_due();
    return turn;
}

/// When it does not go now, the client sends its body after a while all the same.
void Connection::send_continue() {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (socket_ >= 0) (void)::send(socket_, kContinue.data(), kContinue.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Connection::begin(TurnPtr turn) {
    if (!turn) return;
    const bool begun =
        site_->spawn([self = shared_from_this(), turn](TaskHandle task) { return self->serve(std::move(task), turn); });
    if (!begun) cut();
}

// ---- ends ----

void Connection::ended() noexcept {
    TaskHandle task;
    {
        const std::lock_guard lock(mutex_);
        socket_ = -1;
        phase_ = Phase::gone;
        ++turns_;
        in_ = {};
        incoming_.reset();
        clear_due();
        task = task_;
    }
    task.cancel();
    site_->leave(*this);
}

void Connection::on_deadline(Ticks now) {
    TurnPtr turn;
    {
        const std::lock_guard lock(mutex_);
        if (now < due_) return;
        clear_due();
        switch (phase_) {
            case Phase::head:
                if (!began_) return cut_now();
                turn = make_refusal({408, "The request headers took too long."});
                break;
            case Phase::body: turn = make_refusal({408, "The request body took too long."}); break;
            case Phase::handling:
                site_->log().warning(
                    "a handler did not answer in time",
                    {{"listener", site_->name()}, {"timeout_ms", site_->limits().handler_timeout.count()}});
                task_.cancel();
                turn = make_refusal({503, "The server took too long to answer."});
                break;
            case Phase::waiting:
            case Phase::gone: break;
            case Phase::answering:  // the client reads nothing
            case Phase::lingering:
            case Phase::cut: cut_now(); break;
        }
    }
    begin(std::move(turn));
}

bool Connection::has_unread() const {
    char byte = 0;
    return socket_ >= 0 && ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

void Connection::drain() {
    const std::lock_guard lock(mutex_);
    if (phase_ == Phase::waiting || (phase_ == Phase::head && !began_ && !has_unread())) cut_now();
}

void Connection::cut() {
    const std::lock_guard lock(mutex_);
    cut_now();
}

void Connection::cut_now() {
    if (phase_ == Phase::gone) return;
    phase_ = Phase::cut;
    ++turns_;
    in_ = {};
    incoming_.reset();
    clear_due();
    task_.cancel();
    if (socket_ < 0) return;
    // Pistache reads the end of it, and closes.
    ::shutdown(socket_, SHUT_RDWR);
    relax();
}

void Connection::linger() {
    ::shutdown(socket_, SHUT_WR);
    phase_ = Phase::lingering;
    in_ = {};
    set_due(kLinger);
    relax();
}

void Connection::set_due(std::chrono::milliseconds from_now) {
    due_ = site_->now() + std::chrono::nanoseconds(from_now).count();
    due_mirror_.store(due_, std::memory_order_relaxed);
}

void Connection::clear_due() {
    due_ = kNoDeadline;
    due_mirror_.store(due_, std::memory_order_relaxed);
}

}  // namespace drover::http_pistache
