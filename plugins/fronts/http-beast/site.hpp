#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <filesystem>
#include <mutex>

#include "drover/context.hpp"
#include "drover/services/http_front.hpp"
#include "drover/sync.hpp"
#include "tls.hpp"

namespace drover::http_beast {

class Connection;

/// Moments as the connections count them: one number, so that the sweep can read it without a lock.
using Ticks = std::int64_t;
inline constexpr Ticks kNoDeadline = INT64_MAX;

/// One listening port and all that its connections share.
///
/// Owners: the listener handle, the accept loop, the connections. Thread-safety: any thread.
class Site : public std::enable_shared_from_this<Site> {
public:
    /// `after_exodus` is called when many connections have gone at once, seldom, and must return at once.
    Site(Context& context, HttpListenOptions options, HttpHandler handler, std::function<void()> after_exodus);
    ~Site();

    /// Binds, listens, starts to accept. Errors: those of HttpFront::listen.
    Result<void> open();
    Address address() const { return options_.address; }
    bool tls() const { return tls_ != nullptr; }
    HttpCounters counters() const;

    /// Accepts no more and asks every connection to end in an orderly way.
    void drain();
    /// Closes every connection now and cancels what it runs.
    void cut();
    /// Suspends until the last connection ended; after `drain`.
    Async<Result<void>> ended(Deadline deadline);
    std::size_t alive() const { return alive_.load(); }

    // For connections.
    const HttpLimits& limits() const { return options_.limits; }
    const HttpHandler& handler() const { return handler_; }
    const std::string& name() const { return options_.name; }
    const Logger& log() const { return context_.log(); }
    Clock& clock() { return context_.clock(); }
    Ticks now() const { return context_.clock().now().time_since_epoch().count(); }
    WallTime wall() const { return context_.clock().wall(); }
    bool draining() const { return draining_.load(); }
    void count_request() {
        requests_.fetch_add(1, std::memory_order_relaxed);
        request_metric_.add();
    }
    void count_refusal() {
        refused_.fetch_add(1, std::memory_order_relaxed);
        refusal_metric_.add();
    }
    /// Puts a connection that runs under watch of the sweep, of `drain` and of `cut`.
    void enter(Connection& connection);
    void leave(Connection& connection);

private:
    using Tcp = boost::asio::ip::tcp;
    Async<void> accept_loop();
    void admit(Tcp::socket socket, Semaphore::Permit permit);
    void retire();
    void renew_certificate();
    void schedule_sweep();      // with mutex_ held
    bool exodus(Ticks moment);  // with mutex_ held
    void sweep();
    std::vector<std::shared_ptr<Connection>> everybody();

    Context& context_;
    HttpListenOptions options_;
    const HttpHandler handler_;
    const std::function<void()> after_exodus_;
    const std::chrono::nanoseconds sweep_period_;
    SslContextPtr tls_;                             // replaced by the accept loop only
    std::filesystem::file_time_type certified_at_;  // the accept loop's
    Ticks certificate_seen_ = 0;                    // the accept loop's: when the files were looked at
    Tcp::acceptor acceptor_;
    Semaphore room_;
    std::atomic<bool> draining_{false};
    std::atomic<std::size_t> alive_{0};  // the accept loop and the connections
    std::atomic<std::uint64_t> connections_{0};
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<std::uint64_t> refused_{0};
    Counter& request_metric_;
    Counter& refusal_metric_;
    Gauge& connection_metric_;
    Gate empty_;

    std::mutex mutex_;
    TaskHandle acceptor_task_;             // guarded by mutex_
    Connection* first_ = nullptr;          // guarded by mutex_: a list through Connection::previous_, next_
    std::optional<Clock::TimerId> timer_;  // guarded by mutex_
    bool closed_ = false;                  // guarded by mutex_: no sweep any more
    std::uint64_t peak_ = 0;               // guarded by mutex_: connections, since the last exodus
    Ticks exodus_at_ = 0;                  // guarded by mutex_
};

/// The owner's handle of a site.
class Listener final : public HttpListener {
public:
    explicit Listener(std::shared_ptr<Site> site) : site_(std::move(site)) {}
    ~Listener() override;
    Address address() const override { return site_->address(); }
    HttpCounters counters() const override { return site_->counters(); }
    Async<Result<void>> stop(Deadline deadline) override;

private:
    std::shared_ptr<Site> site_;  // owners: see Site
};

}  // namespace drover::http_beast
