#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <span>
#include <string_view>

#include "tls.hpp"

namespace drover::http_beast {

/// A connected socket, plain or under TLS, without a buffer of its own: it is read and written when it is
/// ready, and waiting for that takes no memory. That is what keeps an idle connection small.
///
/// Used on the connection's strand only.
class Transport {
public:
    using Socket = boost::asio::ip::tcp::socket;
    /// `tls` null: plain.
    Transport(Socket socket, SSL_CTX* tls);

    /// What an attempt came to. Under TLS a read may have to wait until it can write, and the reverse.
    enum class Outcome : unsigned char { done, wants_read, wants_write, end, failed };
    struct Moved {
        Outcome outcome = Outcome::failed;
        std::size_t bytes = 0;
    };
    /// `end`: the peer will send nothing more.
    Moved read(std::span<char> into);
    /// Sends as much of the pieces as goes at once.
    Moved write(std::span<const std::string_view> pieces);
    /// True when a read would give bytes although the socket is not readable.
    bool has_buffered() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

    bool tls() const { return ssl_ != nullptr; }
    Socket& socket() { return socket_; }
    /// Tells the peer that nothing more comes.
    void shutdown_send();
    void close();

private:
    Moved outcome_of(int result);
    Socket socket_;
    SslPtr ssl_;
};

}  // namespace drover::http_beast
