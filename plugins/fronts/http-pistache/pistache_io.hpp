#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "drover/options.hpp"

/// The part of Pistache that this front uses, without its headers: a listener that accepts, and threads that
/// watch the sockets and read them.
namespace drover::http_pistache {

/// One client's bytes as they come. Called by the connection's thread of Pistache only.
class Inbound {
public:
    virtual ~Inbound() = default;
    virtual void received(std::string_view bytes) noexcept = 0;
    /// The client has gone or was cut. When it returns, Pistache closes the socket: its number may be
    /// another client's the next moment.
    virtual void ended() noexcept = 0;
};

/// Turns the reading of one socket off and on. Any thread, until `Inbound::ended` has returned.
class Tap {
public:
    virtual ~Tap() = default;
    virtual void set_open(bool open) noexcept = 0;
};

/// Told of every new client, by one of Pistache's threads.
class Arrivals {
public:
    virtual ~Arrivals() = default;
    virtual std::shared_ptr<Inbound> arrived(int socket, std::string remote, std::unique_ptr<Tap> tap) = 0;
};

struct ListenSettings {
    Address address;  ///< the host in digits
    int workers = 1;  ///< threads that read
    int backlog = 1024;
    std::string thread_name{};
};

/// A listening port with its threads.
class PistacheListener {
public:
    /// Errors: invalid, unavailable (the port is taken), denied.
    static Result<std::unique_ptr<PistacheListener>> open(const ListenSettings& settings, Arrivals& arrivals);
    ~PistacheListener();
    PistacheListener(const PistacheListener&) = delete;
    PistacheListener& operator=(const PistacheListener&) = delete;

    std::uint16_t port() const;
    /// Blocks until its threads have ended. Pistache forgets the sockets that are open then, without closing
    /// them: end every connection before. Never on one of its threads.
    void close();

private:
    struct Parts;
    explicit PistacheListener(std::unique_ptr<Parts> parts);
    std::unique_ptr<Parts> parts_;
};

/// Pistache's words for a status: "Not Found"; empty for one it does not know.
std::string_view reason_phrase(int status);

}  // namespace drover::http_pistache
