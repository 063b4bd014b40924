// The one copy of Asio that the kernel and every plugin share (docs/decisions/0006).
#include <boost/asio/impl/src.hpp>
