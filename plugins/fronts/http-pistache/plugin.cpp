#include "drover/plugin.hpp"

#include <algorithm>

#include "drover/services/http_front.hpp"
#include "site.hpp"

namespace drover::http_pistache {
namespace {

using namespace std::chrono_literals;

/// How long handlers that heed their cancellation may take to end.
constexpr auto kCancelGrace = 200ms;
constexpr auto kThreadsEnd = 10s;

/// The owner's handle of a site.
class Listener final : public HttpListener {
public:
    Listener(std::shared_ptr<Site> site, std::shared_ptr<BlockingPool> closers)
        : site_(std::move(site)), closers_(std::move(closers)) {}
    ~Listener() override {
        site_->cut();
        // When the plugin has stopped, it has closed all sites.
        (void)closers_->submit([site = site_] { site->close(); });
    }
    Address address() const override { return site_->address(); }
    HttpCounters counters() const override { return site_->counters(); }
    Async<Result<void>> stop(Deadline deadline) override { return stop_site(site_, closers_, deadline); }

private:
    static Async<Result<void>> stop_site(std::shared_ptr<Site> site, std::shared_ptr<BlockingPool> closers,
                                         Deadline deadline) {
        site->drain();
        auto ended = co_await site->ended(deadline);
        if (!ended) {
            if (ended.error().code() != Errc::timeout) co_return ended.error();
            site->cut();
            (void)co_await site->ended(Deadline::in(site->clock(), kCancelGrace));
        }
        auto close = [site] {
            site->close();
            return Result<void>(ok);
        };
        auto closing = blocking(*closers, site->clock(), Deadline::in(site->clock(), kThreadsEnd), std::move(close));
        auto closed = co_await std::move(closing);
        if (!closed) co_return closed.error();
        if (const auto busy = site->busy(); busy > 0)
            co_return Error(Errc::timeout, std::to_string(busy) + " requests of " + site->name() +
                                               " were cut off while their handlers still ran");
        co_return ok;
    }

    const std::shared_ptr<Site> site_;             // owners: see Site
    const std::shared_ptr<BlockingPool> closers_;  // owners: the front and its listeners
};

class PistacheFront final : public HttpFront {
public:
    PistacheFront(Context& context, int workers) : context_(context), workers_(workers) {}

    Async<Result<std::unique_ptr<HttpListener>>> listen(HttpListenOptions options, HttpHandler handler) override {
        if (!handler) co_return Error(Errc::invalid, "a listener needs a handler");
        if (!options.tls.certificate_file.empty())
            co_return Error(Errc::unsupported,
                            "drover.http-pistache has no TLS, and " + options.name + " at " +
                                options.address.to_string() + " asks for it",
                            "Set service.http = http-beast.");
        const auto site = std::make_shared<Site>(context_, std::move(options), std::move(handler));
        auto opened = site->open(workers_);
        if (!opened) co_return opened.error();
        {
            const std::lock_guard lock(mutex_);
            std::erase_if(sites_, [](const auto& one) { return one->closed(); });
            sites_.push_back(site);
        }
        context_.log().info("listening for HTTP",
                            {{"listener", site->name()}, {"address", site->address().to_string()}});
        co_return std::make_unique<Listener>(site, closers_);
    }

    void start() { closers_ = context_.make_blocking_pool(1, 256); }

    /// Ends what its owners did not.
    Result<void> stop(Deadline deadline) {
        std::vector<std::shared_ptr<Site>> sites;
        {
            const std::lock_guard lock(mutex_);
            sites.swap(sites_);
        }
        for (const auto& site : sites) site->cut();
        for (const auto& site : sites) site->close();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock()));
        if (!closers_ || closers_->close(left)) return ok;
        return Error(Errc::timeout, "Pistache's threads did not end in time");
    }

private:
    Context& context_;
    const int workers_;
    std::shared_ptr<BlockingPool> closers_;  // owners: see Listener; set before the first call
    std::mutex mutex_;
    std::vector<std::shared_ptr<Site>> sites_;  // guarded by mutex_
};

class PistachePlugin final : public Plugin {
public:
    PistachePlugin(const Config& config, Context& context)
        : front_(context, static_cast<int>(config.integer("workers"))) {}
    std::vector<Offer> offers() override { return {offer<HttpFront>(front_)}; }
    Result<void> start(Deadline) override {
        front_.start();
        return ok;
    }
    Result<void> stop(Deadline deadline) override { return front_.stop(deadline); }

private:
    PistacheFront front_;
};

}  // namespace
}  // namespace drover::http_pistache

DROVER_PLUGIN(
    "drover.http-pistache", "0.1.0",
    {
        .summary = "HTTP/1.1 on loopback, accepted and read by Pistache",
        .provides = {drover::service<drover::HttpFront>(
            {{"stream", "false"}, {"websocket", "false"}, {"tls", "false"}, {"strict_framing", "true"}})},
        .options = {drover::integer("workers", 2, 1, 64,
                                    "Threads of Pistache that read requests, for each port that is listened on.")},
        .create = [](const drover::Config& config,
                     drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            return std::make_unique<drover::http_pistache::PistachePlugin>(config, context);
        },
    });
