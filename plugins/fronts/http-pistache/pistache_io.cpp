// The only file that includes Pistache. Its HTTP layer is not used: see README.md.
#include "pistache_io.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pistache/http_defs.h>
#include <pistache/listener.h>
#include <pistache/peer.h>
#include <pistache/tcp.h>
#include <pistache/transport.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

namespace drover::http_pistache {
namespace {

using PeerPtr = std::shared_ptr<Pistache::Tcp::Peer>;
using Pistache::Polling::NotifyOn;

/// Under this name a peer keeps its Inbound.
constexpr const char* kInbound = "drover";

/// How long an accept that was under way when the port was shut may take to show its client.
constexpr std::chrono::milliseconds kLateArrivals{10};

class SocketTap final : public Tap {
public:
    SocketTap(Pistache::Tcp::Transport& transport, int socket) : transport_(transport), socket_(socket) {}
    void set_open(bool open) noexcept override {
        try {
            // Ends in one epoll_ctl: safe from any thread.
            transport_.reactor()->modifyFd(transport_.key(), socket_,
                                           open ? NotifyOn::Read | NotifyOn::Shutdown : NotifyOn::Shutdown,
                                           Pistache::Polling::Mode::Edge);
        } catch (const std::exception&) {
            ::shutdown(socket_, SHUT_RDWR);  // it would be silent for ever
        }
    }

private:
    Pistache::Tcp::Transport& transport_;
    const int socket_;
};

/// Hands on what Pistache reads. Pistache clones it for each of its threads. An exception that left it would
/// end the process.
class Gate final : public Pistache::Tcp::Handler {
public:
    explicit Gate(Arrivals& arrivals) : arrivals_(&arrivals) {}
    std::shared_ptr<Pistache::Tcp::Handler> clone() const override { return std::make_shared<Gate>(*this); }

    void onConnection(const PeerPtr& peer) override {
        const int socket = peer->fd();
        try {
            auto tap = std::make_unique<SocketTap>(*transport(), socket);
            std::shared_ptr<Inbound> inbound = arrivals_->arrived(socket, peer->address().host(), std::move(tap));
            peer->putData(kInbound, std::move(inbound));
        } catch (const std::exception&) {
            ::shutdown(socket, SHUT_RDWR);
        }
    }
    void onInput(const char* bytes, std::size_t size, const PeerPtr& peer) override {
        if (auto* const inbound = inbound_of(peer)) inbound->received({bytes, size});
    }
    void onDisconnection(const PeerPtr& peer) override {
        if (auto* const inbound = inbound_of(peer)) inbound->ended();
    }

private:
    static Inbound* inbound_of(const PeerPtr& peer) {
        return static_cast<Inbound*>(peer->tryGetData(kInbound).get());  // the peer goes on owning it
    }
    Arrivals* arrivals_;
};

struct SocketAddress {
    sockaddr_storage storage{};
    sockaddr* any() { return reinterpret_cast<sockaddr*>(&storage); }
};

std::optional<SocketAddress> to_socket_address(const Address& address) {
    SocketAddress result;
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    if (::inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(address.port);
        return result;
    }
    if (::inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) == 1) {
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(address.port);
        return result;
    }
    return std::nullopt;
}

Error listen_error(const Address& address, const std::string& why) {
    const auto what = "cannot listen on " + address.to_string() + ": ";
    // Pistache throws errno's text and nothing else.
    if (why == std::strerror(EADDRINUSE))
        return Error(Errc::unavailable, what + "the port is taken",
                     "Stop the program that has it, or choose another port.");
    if (why == std::strerror(EACCES))
        return Error(Errc::denied, what + "permission denied",
                     "Ports below 1024 need a privilege (CAP_NET_BIND_SERVICE).");
    return Error(Errc::invalid, what + why, "The host must be a loopback address of this machine, such as 127.0.0.1.");
}

bool listens_at(int descriptor, const sockaddr* wanted) {
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) return false;
    sockaddr_storage local{};
    socklen_t length = sizeof local;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&local), &length) != 0) return false;
    if (local.ss_family != wanted->sa_family) return false;
    if (local.ss_family == AF_INET) {
        const auto& a = reinterpret_cast<const sockaddr_in&>(local);
        const auto& b = reinterpret_cast<const sockaddr_in&>(*wanted);
        return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
    }
    const auto& a = reinterpret_cast<const sockaddr_in6&>(local);
    const auto& b = reinterpret_cast<const sockaddr_in6&>(*wanted);
    return a.sin6_port == b.sin6_port && std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
}

/// The descriptor that Pistache listens on, which it does not show; -1 when it is not found.
int find_listening_socket(const Address& address) {
    auto wanted = to_socket_address(address);
    if (!wanted) return -1;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
        const auto name = entry.path().filename().string();
        int descriptor = -1;
        std::from_chars(name.data(), name.data() + name.size(), descriptor);
        if (descriptor >= 0 && listens_at(descriptor, wanted->any())) return descriptor;
    }
    return -1;
}

}  // namespace

struct PistacheListener::Parts {
    Pistache::Tcp::Listener listener;
    int socket = -1;  // of the listener, which owns it
    std::uint16_t port = 0;
};

Result<std::unique_ptr<PistacheListener>> PistacheListener::open(const ListenSettings& settings, Arrivals& arrivals) {
    auto wanted = to_socket_address(settings.address);
    if (!wanted) return listen_error(settings.address, "no such address");
    auto parts = std::make_unique<Parts>();
    auto& listener = parts->listener;
    try {
        using Pistache::Tcp::Options;
        // Accepted sockets inherit NoDelay.
        listener.init(static_cast<std::size_t>(settings.workers),
                      Pistache::Flags<Options>(Options::NoDelay) | Options::ReuseAddr | Options::CloseOnExec,
                      settings.thread_name, settings.backlog);
        listener.setHandler(std::make_shared<Gate>(arrivals));
        listener.bind(Pistache::Address(Pistache::IP(wanted->any()), Pistache::Port(settings.address.port)));
        parts->port = listener.getPort();
        parts->socket = find_listening_socket({settings.address.host, parts->port});
        listener.runThreaded();
    } catch (const std::exception& refused) {
        return listen_error(settings.address, refused.what());
    }
    return std::unique_ptr<PistacheListener>(new PistacheListener(std::move(parts)));
}

PistacheListener::PistacheListener(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PistacheListener::~PistacheListener() { close(); }

std::uint16_t PistacheListener::port() const { return parts_ ? parts_->port : 0; }

void PistacheListener::close() {
    if (!parts_) return;
    // A client that is accepted while the threads end would wait for ever: no more first, then the end.
    if (parts_->socket >= 0) {
        ::shutdown(parts_->socket, SHUT_RDWR);
        std::this_thread::sleep_for(kLateArrivals);
    }
    parts_.reset();
}

std::string_view reason_phrase(int status) {
    return Pistache::Http::codeString(static_cast<Pistache::Http::Code>(status));
}

}  // namespace drover::http_pistache
