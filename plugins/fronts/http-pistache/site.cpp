#include "site.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "connection.hpp"

namespace drover::http_pistache {

using namespace std::chrono_literals;

namespace {

constexpr auto kFarewellToConnections = 5s;

std::chrono::nanoseconds sweep_period(const HttpLimits& limits) {
    const auto shortest = std::min({limits.header_timeout, limits.body_timeout, limits.idle_timeout,
                                    limits.write_timeout, limits.handler_timeout});
    return std::clamp<std::chrono::milliseconds>(shortest / 8, 10ms, 500ms);
}

/// In digits: "localhost" is what /etc/hosts says.
std::string resolve(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0 || !found) return {};
    std::array<char, NI_MAXHOST> digits{};
    const int failed =
        ::getnameinfo(found->ai_addr, found->ai_addrlen, digits.data(), digits.size(), nullptr, 0, NI_NUMERICHOST);
    ::freeaddrinfo(found);
    return failed != 0 ? std::string() : std::string(digits.data());
}

}  // namespace

/// Counts as long as it lives.
struct Site::Busy {
    explicit Busy(std::shared_ptr<Site> at) : site(std::move(at)) {
        const std::lock_guard lock(site->mutex_);
        ++site->busy_;
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    ~Busy() {
        const std::lock_guard lock(site->mutex_);
        --site->busy_;
        site->check_settled();
    }
    const std::shared_ptr<Site> site;  // owners: see Site
};

Site::Site(Context& context, HttpListenOptions options, HttpHandler handler)
    : context_(context),
      options_(std::move(options)),
      handler_(std::move(handler)),
      sweep_period_(sweep_period(options_.limits)),
      request_metric_(context.metrics().counter("drover_http_requests_total", "HTTP requests that came to a handler.",
                                                {{"listener", options_.name}})),
      refusal_metric_(context.metrics().counter("drover_http_refused_total",
                                                "HTTP requests that the front answered by itself with an error.",
                                                {{"listener", options_.name}})),
      connection_metric_(context.metrics().gauge("drover_http_connections", "Open HTTP connections.",
                                                 {{"listener", options_.name}})) {}

Result<void> Site::open(int workers) {
    const auto host = resolve(options_.address.host);
    if (host.empty())
        return Error(Errc::invalid, "cannot listen on " + options_.address.to_string() + ": no such host",
                     "Use a loopback address of this machine, such as 127.0.0.1.");
    if (!Address{host, 0}.is_loopback())
        return Error(
            Errc::denied,
            "drover.http-pistache does not listen on " + options_.address.to_string() +
                ", which other machines can reach: Pistache 0.0.5 has no defence against clients who mean harm",
            "Set service.http = http-beast, or listen on 127.0.0.1 or [::1].");
    auto listener = PistacheListener::open(
        {.address = {host, options_.address.port}, .workers = workers, .thread_name = "http " + options_.name}, *this);
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
    options_.address.port = listener_->port();
    return ok;
}

HttpCounters Site::counters() const {
    const std::lock_guard lock(mutex_);
    return {admitted_, requests_.load(), refused_.load()};
}

std::size_t Site::busy() const {
    const std::lock_guard lock(mutex_);
    return busy_;
}

void Site::count_request() {
    requests_.fetch_add(1, std::memory_order_relaxed);
    request_metric_.add();
}

void Site::count_refusal() {
    refused_.fetch_add(1, std::memory_order_relaxed);
    refusal_metric_.add();
}

bool Site::spawn(std::function<Async<void>(TaskHandle)> work) {
    auto busy = std::make_shared<Busy>(shared_from_this());  // owner: the task, whether it ever runs or not
    return context_.tasks().spawn("http " + options_.name, [busy = std::move(busy), work = std::move(work)](
                                                               TaskHandle task) { return work(std::move(task)); });
}

// ---- who is there ----

std::shared_ptr<Inbound> Site::arrived(int socket, std::string remote, std::unique_ptr<Tap> tap) {
    auto connection = std::make_shared<Connection>(shared_from_this(), socket, std::move(remote), std::move(tap));
    bool admitted = false;
    {
        const std::lock_guard lock(mutex_);
        admitted = admitted_ < options_.limits.connections;
        members_.emplace(connection.get(), Member{connection, admitted});
        if (admitted) ++admitted_;
        else waiting_.emplace_back(connection);
        if (!timer_) schedule_sweep();
    }
    if (draining_) connection->cut();
    else if (admitted) connection->admit();
    if (admitted) connection_metric_.add(1);
    return connection;
}

bool Site::admit_next(std::shared_ptr<Connection>& next) {
    while (!waiting_.empty() && admitted_ < options_.limits.connections) {
        next = waiting_.front().lock();
        waiting_.pop_front();
        const auto member = next ? members_.find(next.get()) : members_.end();
        if (member == members_.end()) continue;
        member->second.admitted = true;
        ++admitted_;
        return true;
    }
    return false;
}

void Site::leave(Connection& connection) {
    std::shared_ptr<Connection> next;
    bool left = false;
    bool entered = false;
    {
        const std::lock_guard lock(mutex_);
        const auto member = members_.find(&connection);
        if (member == members_.end()) return;
        left = member->second.admitted;
        if (left) --admitted_;
        members_.erase(member);
        entered = admit_next(next);
        check_settled();
        if (members_.empty()) emptied_.notify_all();
    }
    if (left) connection_metric_.add(-1);
    if (!entered) return;
    connection_metric_.add(1);
    next->admit();
}

void Site::check_settled() {
    if (draining_ && members_.empty() && busy_ == 0) settled_.open();
}

std::vector<std::shared_ptr<Connection>> Site::everybody() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Connection>> all;
    all.reserve(members_.size());
    for (const auto& [key, member] : members_)
        if (auto connection = member.connection.lock()) all.push_back(std::move(connection));
    return all;
}

// ---- time ----

void Site::schedule_sweep() {
    if (closed_) return;
    timer_ = context_.clock().call_at(context_.clock().now() + sweep_period_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->sweep();
    });
}

void Site::sweep() {
    std::vector<std::shared_ptr<Connection>> due;
    const auto moment = now();
    {
        const std::lock_guard lock(mutex_);
        timer_.reset();
        if (closed_) return;
        for (const auto& [connection, member] : members_) {
            if (connection->deadline() > moment) continue;
            if (auto alive = member.connection.lock()) due.push_back(std::move(alive));
        }
        if (!members_.empty()) schedule_sweep();
    }
    for (const auto& connection : due) connection->on_deadline(moment);
}

// ---- the end ----

void Site::drain() {
    if (draining_.exchange(true)) return;
    for (const auto& connection : everybody()) connection->drain();
    const std::lock_guard lock(mutex_);
    check_settled();
}

void Site::cut() {
    drain();
    for (const auto& connection : everybody()) connection->cut();
}

Async<Result<void>> Site::ended(Deadline deadline) {
    auto waited = co_await settled_.wait(context_.clock(), deadline);
    co_return waited;
}

bool Site::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void Site::close() {
    const std::lock_guard one_at_a_time(closing_);
    if (!listener_) return;
    cut();
    {
        std::unique_lock lock(mutex_);
        if (!emptied_.wait_for(lock, kFarewellToConnections, [&] { return members_.empty(); }))
            context_.log().warning("connections did not end",
                                   {{"listener", options_.name}, {"connections", members_.size()}});
        closed_ = true;
        if (timer_) context_.clock().cancel(*std::exchange(timer_, std::nullopt));
    }
    listener_.reset();
}

}  // namespace drover::http_pistache
