// The one copy of Asio's TLS, apart so that a server without TLS does not load OpenSSL.
#include <boost/asio/ssl/impl/src.hpp>
