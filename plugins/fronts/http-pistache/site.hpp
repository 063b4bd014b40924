#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "drover/context.hpp"
#include "drover/services/http_front.hpp"
#include "drover/sync.hpp"
#include "pistache_io.hpp"

namespace drover::http_pistache {

class Connection;

/// Moments as the connections count them: one number, so that the sweep can read it without a lock.
using Ticks = std::int64_t;
inline constexpr Ticks kNoDeadline = INT64_MAX;

/// One listening port and all that its connections share.
///
/// Owners: the front, the listener handle, the connections and their tasks. Thread-safety: any thread.
class Site final : public Arrivals, public std::enable_shared_from_this<Site> {
public:
    Site(Context& context, HttpListenOptions options, HttpHandler handler);

    /// Binds, and starts Pistache's threads. Errors: those of HttpFront::listen.
    Result<void> open(int workers);
    Address address() const { return options_.address; }
    HttpCounters counters() const;

    /// Asks every connection to end in an orderly way, and cuts those that come.
    void drain();
    /// Cuts every connection and cancels what it runs.
    void cut();
    /// Suspends until no connection is open and nothing runs; after `drain`. Errors: timeout, cancelled.
    Async<Result<void>> ended(Deadline deadline);
    /// Ends Pistache's threads; after `cut` or `ended`. Blocks, on a thread that may.
    void close();
    bool closed() const;
    /// Handlers and answers under way.
    std::size_t busy() const;
    Clock& clock() { return context_.clock(); }

    std::shared_ptr<Inbound> arrived(int socket, std::string remote, std::unique_ptr<Tap> tap) override;

    // For connections.
    const HttpLimits& limits() const { return options_.limits; }
    const HttpHandler& handler() const { return handler_; }
    const std::string& name() const { return options_.name; }
    const Logger& log() const { return context_.log(); }
    Ticks now() const { return context_.clock().now().time_since_epoch().count(); }
    WallTime wall() const { return context_.clock().wall(); }
    bool draining() const { return draining_.load(); }
    void count_request();
    void count_refusal();
    /// Starts a task that counts as under way; false when the server has stopped.
    bool spawn(std::function<Async<void>(TaskHandle)> work);
    void leave(Connection& connection);

private:
    struct Member {
        std::weak_ptr<Connection> connection;
        bool admitted = false;  ///< one of `limits.connections`; the others wait
    };
    struct Busy;
    bool admit_next(std::shared_ptr<Connection>& next);  // with mutex_ held
    void check_settled();                                // with mutex_ held
    void schedule_sweep();                               // with mutex_ held
    void sweep();
    std::vector<std::shared_ptr<Connection>> everybody();

    Context& context_;
    HttpListenOptions options_;
    const HttpHandler handler_;
    const std::chrono::nanoseconds sweep_period_;
    std::atomic<bool> draining_{false};
    std::atomic<std::uint64_t> requests_{0};
    std::atomic<std::uint64_t> refused_{0};
    Counter& request_metric_;
    Counter& refusal_metric_;
    Gauge& connection_metric_;
    Gate settled_;  // no connection, no task, and no more to come

    mutable std::mutex mutex_;
    std::condition_variable emptied_;
    std::unordered_map<Connection*, Member> members_;  // guarded by mutex_
    std::deque<std::weak_ptr<Connection>> waiting_;    // guarded by mutex_: for room
    std::size_t admitted_ = 0;                         // guarded by mutex_
    std::size_t busy_ = 0;                             // guarded by mutex_: tasks
    std::optional<Clock::TimerId> timer_;              // guarded by mutex_
    bool closed_ = false;                              // guarded by mutex_
    std::mutex closing_;                               // one closes, others wait for it
    std::unique_ptr<PistacheListener> listener_;       // guarded by closing_ once open
};

}  // namespace drover::http_pistache
