#include "drover/conformance/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace drover::conformance {
namespace {

struct ContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};

/// For this thread only: the front must live with SIGPIPE as the process has it.
void block_sigpipe() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int open_socket(const Address& address, int receive_buffer) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    auto* const four = reinterpret_cast<sockaddr_in*>(&storage);
    auto* const six = reinterpret_cast<sockaddr_in6*>(&storage);
    if (inet_pton(AF_INET, address.host.c_str(), &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(address.port);
        size = sizeof *four;
    } else if (inet_pton(AF_INET6, address.host.c_str(), &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(address.port);
        size = sizeof *six;
    } else {
        throw std::runtime_error("not an IP address: " + address.host);
    }
    const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error(std::string("no socket: ") + std::strerror(errno));
    if (receive_buffer > 0) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0) {
        const std::string why = std::strerror(errno);
        ::close(fd);
        throw std::runtime_error("cannot connect to " + address.to_string() + ": " + why);
    }
    return fd;
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool ready(int fd, short what, std::chrono::milliseconds at_most) {
    const auto give_up = std::chrono::steady_clock::now() + at_most;
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - std::chrono::steady_clock::now());
        pollfd waiting{fd, what, 0};
        const int count = ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
        if (count > 0) return true;
        if (count == 0 || errno != EINTR) return false;
    }
}

}  // namespace

struct RawClient::State {
    int fd = -1;
    std::unique_ptr<SSL_CTX, ContextFree> context;
    std::unique_ptr<SSL, SslFree> ssl;
    std::string buffer;  // received, not used
    bool at_end = false;
    bool reset = false;

    ~State() {
        if (fd >= 0) ::close(fd);
    }
    void shake_hands(const How& how) {
        context.reset(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
        SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        ssl.reset(SSL_new(context.get()));
        if (!how.alpn.empty()) {
            const auto wire = static_cast<char>(how.alpn.size()) + how.alpn;
            SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                                static_cast<unsigned>(wire.size()));
        }
        const timeval patience{kPatience.count() / 1000, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        SSL_set_fd(ssl.get(), fd);
        ERR_clear_error();
        if (SSL_connect(ssl.get()) != 1) {
            std::array<char, 256> text{};
            ERR_error_string_n(ERR_get_error(), text.data(), text.size());
            throw std::runtime_error(std::string("no TLS handshake: ") + text.data());
        }
    }
};

std::string RawAnswer::header(std::string_view name) const {
    for (const auto& [key, value] : headers)
        if (same_name(key, name)) return value;
    return {};
}

std::size_t RawAnswer::count(std::string_view name) const {
    std::size_t count = 0;
    for (const auto& [key, value] : headers) count += same_name(key, name) ? 1 : 0;
    return count;
}

RawClient::RawClient() : state_(std::make_unique<State>()) {}
RawClient::RawClient(RawClient&&) noexcept = default;
RawClient& RawClient::operator=(RawClient&&) noexcept = default;
RawClient::~RawClient() = default;

RawClient::RawClient(const Address& address, How how) : state_(std::make_unique<State>()) {
    block_sigpipe();
    state_->fd = open_socket(address, how.receive_buffer);
    if (how.tls) state_->shake_hands(how);
}

std::size_t RawClient::send_some(std::string_view bytes) {
    if (state_->ssl) {
        ERR_clear_error();
        const int sent = SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
        return sent > 0 ? static_cast<std::size_t>(sent) : 0;
    }
    const auto sent = ::send(state_->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) state_->reset = true;
    return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

bool RawClient::send(std::string_view bytes) {
    while (!bytes.empty()) {
        if (state_->fd < 0 || !ready(state_->fd, POLLOUT, kPatience)) return false;
        const auto sent = send_some(bytes);
        if (sent == 0 && (state_->ssl || state_->reset)) return false;
        bytes.remove_prefix(sent);
    }
    return true;
}

bool RawClient::get(std::string_view target, std::string_view more) {
    return send("GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(more) + "\r\n");
}

/// Receives once; false when nothing came in time, or nothing comes any more.
bool RawClient::more(std::chrono::milliseconds at_most) {
    if (state_->at_end || state_->fd < 0) return false;
    if (!(state_->ssl && SSL_pending(state_->ssl.get()) > 0) && !ready(state_->fd, POLLIN, at_most)) return false;
    std::array<char, 64 * 1024> piece;
    std::int64_t got = 0;
    if (state_->ssl) {
        ERR_clear_error();
        got = SSL_read(state_->ssl.get(), piece.data(), static_cast<int>(piece.size()));
        if (got <= 0) {
            const int why = SSL_get_error(state_->ssl.get(), static_cast<int>(got));
            if (why == SSL_ERROR_WANT_READ) return false;
            state_->reset = why != SSL_ERROR_ZERO_RETURN;
        }
    } else {
        got = ::recv(state_->fd, piece.data(), piece.size(), 0);
        state_->reset = got < 0;
    }
    if (got <= 0) {
        state_->at_end = true;
        return false;
    }
    state_->buffer.append(piece.data(), static_cast<std::size_t>(got));
    return true;
}

std::optional<std::string> RawClient::line() {
    for (;;) {
        const auto end = state_->buffer.find("\r\n");
        if (end != std::string::npos) {
            auto text = state_->buffer.substr(0, end);
            state_->buffer.erase(0, end + 2);
            return text;
        }
        if (!more(kPatience)) return std::nullopt;
    }
}

std::string RawClient::read(std::size_t size) {
    while (state_->buffer.size() < size && more(kPatience)) {
    }
    auto bytes = state_->buffer.substr(0, size);
    state_->buffer.erase(0, bytes.size());
    return bytes;
}

std::string RawClient::rest() {
    while (more(kPatience)) {
    }
    return std::exchange(state_->buffer, {});
}

bool RawClient::ended() {
    if (!state_->buffer.empty()) return false;
    if (state_->fd < 0) return true;
    (void)more(kPatience);
    return state_->at_end && state_->buffer.empty();
}

bool RawClient::silent_for(std::chrono::milliseconds time) {
    return state_->buffer.empty() && !more(time) && !state_->at_end;
}

bool RawClient::was_reset() const { return state_->reset; }

std::optional<RawAnswer> RawClient::head() {
    const auto status = line();
    if (!status) return std::nullopt;
    RawAnswer answer;
    const auto space = status->find(' ');
    if (space == std::string::npos || status->size() < space + 4) return std::nullopt;
    answer.version = status->substr(0, space);
    answer.status = std::atoi(status->c_str() + space + 1);
    for (;;) {
        const auto field = line();
        if (!field) return std::nullopt;
        if (field->empty()) break;
        const auto colon = field->find(": ");
        if (colon == std::string::npos) return std::nullopt;
        answer.headers.emplace_back(field->substr(0, colon), field->substr(colon + 2));
    }
    answer.chunked = same_name(answer.header("Transfer-Encoding"), "chunked");
    return answer;
}

std::optional<std::string> RawClient::chunk() {
    const auto size_line = line();
    if (!size_line) return std::nullopt;
    const auto size = std::strtoull(size_line->c_str(), nullptr, 16);
    auto data = read(size);
    if (data.size() != size || read(2) != "\r\n") return std::nullopt;
    return data;
}

void RawClient::read_body(RawAnswer& answer, bool to_head) {
    answer.whole = true;
    if (to_head || answer.status < 200 || answer.status == 204 || answer.status == 304) return;
    if (answer.chunked) {
        for (;;) {
            auto piece = chunk();
            answer.whole = piece.has_value();
            if (!piece || piece->empty()) return;
            answer.body += *piece;
            answer.chunks.push_back(std::move(*piece));
        }
    }
    if (answer.count("Content-Length") > 0) {
        const auto size = std::strtoull(answer.header("Content-Length").c_str(), nullptr, 10);
        answer.body = read(size);
        answer.whole = answer.body.size() == size;
        return;
    }
    answer.body = rest();
    answer.whole = state_->at_end && !state_->reset;
}

std::optional<RawAnswer> RawClient::answer(bool to_head) {
    auto answer = head();
    if (answer) read_body(*answer, to_head);
    return answer;
}

void RawClient::end_sending() {
    if (state_->ssl) SSL_shutdown(state_->ssl.get());
    ::shutdown(state_->fd, SHUT_WR);
}

void RawClient::reset() {
    const linger at_once{1, 0};
    ::setsockopt(state_->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

void RawClient::close() {
    if (state_->fd >= 0) ::close(std::exchange(state_->fd, -1));
}

bool RawClient::is_open() const { return state_->fd >= 0; }

std::string RawClient::alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    if (state_->ssl) SSL_get0_alpn_selected(state_->ssl.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
}

}  // namespace drover::conformance
