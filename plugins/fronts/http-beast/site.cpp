#include "site.hpp"

#include <netdb.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <cstring>

#include "connection.hpp"

namespace drover::http_beast {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

namespace {

std::chrono::nanoseconds sweep_period(const HttpLimits& limits) {
    const auto shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout,
                                    limits.write_timeout, limits.handler_timeout, limits.ping_interval});
    return std::clamp<std::chrono::milliseconds>(shortest / 8, 10ms, 500ms);
}

/// Numbers are taken as they are; names may be in /etc/hosts only, such as localhost.
std::optional<asio::ip::address> resolve(const std::string& host) {
    error_code bad;
    const auto number = asio::ip::make_address(host, bad);
    if (!bad) return number;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || !found) return std::nullopt;
    std::optional<asio::ip::address> address;
    for (auto* one = found; one && !address; one = one->ai_next) {
        asio::ip::tcp::endpoint endpoint;
        if (one->ai_addrlen > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
        endpoint.resize(one->ai_addrlen);
        address = endpoint.address();
    }
    ::freeaddrinfo(found);
    return address;
}

Error listen_error(const Address& address, const error_code& why) {
    const auto where = address.to_string();
    if (why == asio::error::address_in_use)
        return Error(Errc::unavailable, "cannot listen on " + where + ": the port is taken",
                     "Stop the program that has it, or choose another port.");
    if (why == asio::error::access_denied)
        return Error(Errc::denied, "cannot listen on " + where + ": permission denied",
                     "Ports below 1024 need a privilege (CAP_NET_BIND_SERVICE).");
    return Error(Errc::invalid, "cannot listen on " + where + ": " + why.message(),
                 "The host must be an address of this machine, 0.0.0.0 or [::].");
}

bool lacks_resources(const error_code& why) {
    return why == asio::error::no_descriptors || why == boost::system::errc::too_many_files_open_in_system ||
           why == asio::error::no_buffer_space || why == asio::error::no_memory;
}

/// When certificate or key was last written; the epoch while one of them cannot be looked at.
std::filesystem::file_time_type last_change(const HttpTls& tls) {
    std::error_code missing;
    const auto certificate = std::filesystem::last_write_time(tls.certificate_file, missing);
    if (missing) return {};
    const auto key = std::filesystem::last_write_time(tls.key_file, missing);
    if (missing) return {};
    return std::max(certificate, key);
}

std::string text_of(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address.to_string();
}

}  // namespace

Site::Site(Context& context, HttpListenOptions options, HttpHandler handler, std::function<void()> after_exodus)
    : context_(context),
      options_(std::move(options)),
      handler_(std::move(handler)),
      after_exodus_(std::move(after_exodus)),
      sweep_period_(sweep_period(options_.limits)),
      acceptor_(context.executor()),
      room_(options_.limits.connections),
      request_metric_(context.metrics().counter("drover_http_requests_total", "HTTP requests that came to a handler.",
                                                {{"listener", options_.name}})),
      refusal_metric_(context.metrics().counter("drover_http_refused_total",
                                                "HTTP requests that the front answered by itself with an error.",
                                                {{"listener", options_.name}})),
      connection_metric_(context.metrics().gauge("drover_http_connections", "Open HTTP connections.",
                                                 {{"listener", options_.name}})) {}

Site::~Site() = default;

Result<void> Site::open() {
    if (!options_.tls.certificate_file.empty()) {
        auto tls = make_tls_context(options_.tls);
        if (!tls) return tls.error();
        tls_ = std::move(*tls);
        certified_at_ = last_change(options_.tls);
    }
    const auto host = resolve(options_.address.host);
    if (!host)
        return Error(Errc::invalid, "cannot listen on " + options_.address.to_string() + ": no such host",
                     "Use an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all.");
    const Tcp::endpoint endpoint(*host, options_.address.port);
    error_code why;
    acceptor_.open(endpoint.protocol(), why);
    if (!why) acceptor_.set_option(Tcp::acceptor::reuse_address(true), why);
    if (!why && host->is_v6()) acceptor_.set_option(asio::ip::v6_only(false), why);
    if (!why) acceptor_.bind(endpoint, why);
    if (!why) acceptor_.listen(Tcp::acceptor::max_listen_connections, why);
    if (!why) options_.address.port = acceptor_.local_endpoint(why).port();
    if (why) return listen_error(options_.address, why);

    alive_ = 1;
    const bool started =
        context_.tasks().spawn("accept " + options_.name, [self = shared_from_this()](TaskHandle task) {
            {
                const std::lock_guard lock(self->mutex_);
                self->acceptor_task_ = task;
                if (self->draining_) task.cancel();
            }
            return self->accept_loop();
        });
    if (started) return ok;
    alive_ = 0;
    return Error(Errc::unavailable, "the HTTP front is stopping");
}

HttpCounters Site::counters() const { return {connections_.load(), requests_.load(), refused_.load()}; }

Async<void> Site::accept_loop() {
    const auto self = shared_from_this();
    auto pause = 10ms;
    try {
        while (!draining_) {
            auto permit = co_await room_.acquire(context_.clock());
            if (!permit) break;
            Tcp::socket socket(context_.executor());
            auto [why] = co_await acceptor_.async_accept(socket, asio::as_tuple(asio::use_awaitable_t<Executor>{}));
            if (why == asio::error::operation_aborted) break;
            if (lacks_resources(why)) {
                context_.log().warning(
                    "cannot accept connections now",
                    {{"listener", options_.name}, {"why", why.message()}, {"pause_ms", pause.count()}});
                const auto slept = co_await sleep_for(context_.clock(), pause);
                if (!slept) break;
                pause = std::min(pause * 2, 1000ms);
                continue;
            }
            if (why) continue;  // the client gave up before it was accepted
            pause = 10ms;
            admit(std::move(socket), std::move(*permit));
        }
    } catch (const std::exception& ended) {
        context_.log().debug("accepting ended", {{"listener", options_.name}, {"why", ended.what()}});
    }
    error_code ignored;
    acceptor_.close(ignored);
    retire();
}

/// New connections get a renewed certificate without a restart. A bad one is named, and the old one kept.
void Site::renew_certificate() {
    constexpr Ticks kBetweenLooks = std::chrono::nanoseconds(1s).count();
    if (!tls_ || now() - certificate_seen_ < kBetweenLooks) return;
    certificate_seen_ = now();
    const auto changed_at = last_change(options_.tls);
    if (changed_at == certified_at_ || changed_at == std::filesystem::file_time_type{}) return;
    certified_at_ = changed_at;
    auto renewed = make_tls_context(options_.tls);
    if (!renewed) {
        context_.log().error("the certificate changed, and the new one is not used",
                             {{"listener", options_.name}, {"error", renewed.error().describe()}});
        return;
    }
    tls_ = std::move(*renewed);
    context_.log().info("the certificate was renewed", {{"listener", options_.name}});
}

void Site::admit(Tcp::socket socket, Semaphore::Permit permit) {
    error_code why;
    const auto remote = socket.remote_endpoint(why);
    if (why) return;
    socket.set_option(Tcp::no_delay(true), why);
    renew_certificate();
    alive_.fetch_add(1);
    connections_.fetch_add(1);
    connection_metric_.add(1);
    const auto connection = std::make_shared<Connection>(shared_from_this(), Transport(std::move(socket), tls_.get()),
                                                         text_of(remote.address()), std::move(permit));
    const bool started = context_.tasks().spawn(
        "http " + options_.name, [connection](TaskHandle task) { return connection->run(std::move(task)); });
    if (started) return;
    connections_.fetch_sub(1);
    connection_metric_.add(-1);
    retire();
}

void Site::retire() {
    if (alive_.fetch_sub(1) != 1) return;
    {
        // Who waits for the end may destroy what the sweep uses.
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (timer_) context_.clock().cancel(*timer_);
    }
    empty_.open();
}

void Site::enter(Connection& connection) {
    bool late = false;
    {
        const std::lock_guard lock(mutex_);
        connection.next_ = first_;
        if (first_) first_->previous_ = &connection;
        first_ = &connection;
        connection.listed_ = true;
        peak_ = std::max(peak_, connections_.load());
        late = draining_;
        if (!timer_) schedule_sweep();
    }
    if (late) connection.drain();
}

void Site::leave(Connection& connection) {
    {
        const std::lock_guard lock(mutex_);
        if (!std::exchange(connection.listed_, false)) return;
        if (connection.previous_) connection.previous_->next_ = connection.next_;
        else first_ = connection.next_;
        if (connection.next_) connection.next_->previous_ = connection.previous_;
    }
    connections_.fetch_sub(1);
    connection_metric_.add(-1);
    retire();
}

void Site::schedule_sweep() {
    if (closed_) return;
    timer_ = context_.clock().call_at(context_.clock().now() + sweep_period_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->sweep();
    });
}

void Site::sweep() {
    std::vector<std::shared_ptr<Connection>> due;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        timer_.reset();
        const auto moment = now();
        for (auto* one = first_; one; one = one->next_)
            if (one->deadline() <= moment) due.push_back(one->shared_from_this());
        if (exodus(moment)) after_exodus_();
        if (first_) schedule_sweep();
    }
    for (const auto& connection : due) connection->on_deadline();
}

bool Site::exodus(Ticks moment) {
    constexpr std::uint64_t kMany = 1'000;
    constexpr Ticks kSeldom = std::chrono::nanoseconds(10s).count();
    const auto count = connections_.load();
    if (peak_ < count + kMany || moment - exodus_at_ < kSeldom) return false;
    exodus_at_ = moment;
    peak_ = count;
    return true;
}

std::vector<std::shared_ptr<Connection>> Site::everybody() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Connection>> all;
    for (auto* one = first_; one; one = one->next_) all.push_back(one->shared_from_this());
    return all;
}

void Site::drain() {
    {
        const std::lock_guard lock(mutex_);
        if (draining_.exchange(true)) return;
        acceptor_task_.cancel();
    }
    for (const auto& connection : everybody()) connection->drain();
}

void Site::cut() {
    drain();
    for (const auto& connection : everybody()) connection->cut();
}

Async<Result<void>> Site::ended(Deadline deadline) {
    auto waited = co_await empty_.wait(context_.clock(), deadline);
    co_return waited;
}

Listener::~Listener() { site_->cut(); }

Async<Result<void>> Listener::stop(Deadline deadline) {
    const auto site = site_;
    site->drain();
    auto ended = co_await site->ended(deadline);
    if (ended) co_return ok;
    site->cut();
    if (ended.error().code() != Errc::timeout) co_return ended.error();
    // Handlers that heed their cancellation need a moment to end.
    auto late = co_await site->ended(Deadline::in(site->clock(), 200ms));
    if (late) co_return ok;
    co_return Error(Errc::timeout, std::to_string(site->alive()) + " connections of " + site->name() +
                                       " were closed while their handlers still ran");
}

}  // namespace drover::http_beast
