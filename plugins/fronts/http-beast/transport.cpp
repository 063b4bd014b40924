#include "transport.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <new>

namespace drover::http_beast {

Transport::Transport(Socket socket, SSL_CTX* tls) : socket_(std::move(socket)) {
    if (!tls) return;
    ssl_ = make_tls_session(*tls, socket_.native_handle());
    if (!ssl_) throw std::bad_alloc();
}

Transport::Moved Transport::outcome_of(int result) {
    if (result > 0) return {Outcome::done, static_cast<std::size_t>(result)};
    const int why = SSL_get_error(ssl_.get(), result);
    ERR_clear_error();
    switch (why) {
        case SSL_ERROR_WANT_READ: return {Outcome::wants_read, 0};
        case SSL_ERROR_WANT_WRITE: return {Outcome::wants_write, 0};
        case SSL_ERROR_ZERO_RETURN: return {Outcome::end, 0};
        default: return {Outcome::failed, 0};
    }
}

Transport::Moved Transport::read(std::span<char> into) {
    if (ssl_) {
        ERR_clear_error();
        const auto size = static_cast<int>(std::min<std::size_t>(into.size(), INT_MAX));
        return outcome_of(SSL_read(ssl_.get(), into.data(), size));
    }
    for (;;) {
        const auto got = ::recv(socket_.native_handle(), into.data(), into.size(), MSG_DONTWAIT);
        if (got > 0) return {Outcome::done, static_cast<std::size_t>(got)};
        if (got == 0) return {Outcome::end, 0};
        if (errno == EINTR) continue;
        return {errno == EAGAIN ? Outcome::wants_read : Outcome::failed, 0};
    }
}

Transport::Moved Transport::write(std::span<const std::string_view> pieces) {
    if (ssl_) {
        Moved all{Outcome::done, 0};
        for (auto piece : pieces) {
            while (!piece.empty()) {
                ERR_clear_error();
                const auto size = static_cast<int>(std::min<std::size_t>(piece.size(), INT_MAX));
                const auto moved = outcome_of(SSL_write(ssl_.get(), piece.data(), size));
                all.bytes += moved.bytes;
                if (moved.outcome != Outcome::done) {
                    all.outcome = moved.outcome == Outcome::end ? Outcome::failed : moved.outcome;
                    return all;
                }
                piece.remove_prefix(moved.bytes);
            }
        }
        return all;
    }
    std::array<iovec, 8> vector{};
    std::size_t count = 0;
    std::size_t total = 0;
    for (const auto piece : pieces) {
        if (count == vector.size()) break;
        if (piece.empty()) continue;
        vector[count++] = {const_cast<char*>(piece.data()), piece.size()};
        total += piece.size();
    }
    msghdr message{};
    message.msg_iov = vector.data();
    message.msg_iovlen = count;
    for (;;) {
        const auto sent = count == 1 ? ::send(socket_.native_handle(), vector[0].iov_base, vector[0].iov_len,
                                              MSG_DONTWAIT | MSG_NOSIGNAL)
                                     : ::sendmsg(socket_.native_handle(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return {errno == EAGAIN ? Outcome::wants_write : Outcome::failed, 0};
        const auto bytes = static_cast<std::size_t>(sent);
        return {bytes == total ? Outcome::done : Outcome::wants_write, bytes};
    }
}

void Transport::shutdown_send() {
    if (!socket_.is_open()) return;
    if (ssl_ && SSL_is_init_finished(ssl_.get())) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Transport::close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

}  // namespace drover::http_beast
