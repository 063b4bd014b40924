#pragma once

#include <openssl/ssl.h>

#include <memory>

#include "drover/services/http_front.hpp"

namespace drover::http_beast {

struct SslContextFree {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslFree {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslContextPtr = std::unique_ptr<SSL_CTX, SslContextFree>;
using SslPtr = std::unique_ptr<SSL, SslFree>;

/// TLS 1.2 and 1.3, ALPN http/1.1, no renegotiation, buffers freed while a connection is idle.
/// Errors: invalid, naming the file and what OpenSSL says of it.
Result<SslContextPtr> make_tls_context(const HttpTls& tls);

/// A server-side session whose records go over the non-blocking socket `fd`.
SslPtr make_tls_session(SSL_CTX& context, int fd);

}  // namespace drover::http_beast
