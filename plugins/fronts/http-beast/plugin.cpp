#include "drover/plugin.hpp"

#include <malloc.h>

#include "drover/services/http_front.hpp"
#include "site.hpp"

namespace drover::http_beast {
namespace {

class BeastFront final : public HttpFront {
public:
    explicit BeastFront(Context& context) : context_(context) {}

    Async<Result<std::unique_ptr<HttpListener>>> listen(HttpListenOptions options, HttpHandler handler) override {
        if (!handler) co_return Error(Errc::invalid, "a listener needs a handler");
        const auto site = std::make_shared<Site>(context_, std::move(options), std::move(handler), [this] { trim(); });
        auto opened = site->open();
        if (!opened) co_return opened.error();
        {
            const std::lock_guard lock(mutex_);
            std::erase_if(sites_, [](const auto& one) { return one.expired(); });
            sites_.push_back(site);
        }
        context_.log().info(site->tls() ? "listening for HTTP with TLS" : "listening for HTTP",
                            {{"listener", site->name()}, {"address", site->address().to_string()}});
        co_return std::make_unique<Listener>(site);
    }

    /// Ends what its owners did not.
    void end(std::chrono::milliseconds at_most) {
        std::unique_ptr<BlockingPool> pool;
        std::vector<std::weak_ptr<Site>> sites;
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
            pool = std::move(trimmer_);
            sites.swap(sites_);
        }
        for (const auto& one : sites)
            if (const auto site = one.lock()) site->cut();
        if (pool) (void)pool->close(at_most);
    }

private:
    /// The allocator keeps what thousands of connections used unless it is told; that takes it a while.
    void trim() {
        const std::lock_guard lock(mutex_);
        if (ended_) return;
        if (!trimmer_) trimmer_ = context_.make_blocking_pool(1, 1);
        (void)trimmer_->submit([] { ::malloc_trim(0); });
    }

    Context& context_;
    std::mutex mutex_;
    std::vector<std::weak_ptr<Site>> sites_;  // guarded by mutex_
    std::unique_ptr<BlockingPool> trimmer_;   // guarded by mutex_
    bool ended_ = false;                      // guarded by mutex_
};

class BeastPlugin final : public Plugin {
public:
    explicit BeastPlugin(Context& context) : front_(context) {}
    std::vector<Offer> offers() override { return {offer<HttpFront>(front_)}; }
    Result<void> stop(Deadline) override {
        front_.end(std::chrono::seconds(1));
        return ok;
    }

private:
    BeastFront front_;
};

}  // namespace
}  // namespace drover::http_beast

DROVER_PLUGIN("drover.http-beast", "0.1.0",
              {
                  .summary = "HTTP/1.1, streams, WebSocket and TLS, on Boost.Beast and Boost.Asio",
                  .provides = {drover::service<drover::HttpFront>(
                      {{"stream", "true"}, {"websocket", "true"}, {"tls", "true"}, {"strict_framing", "true"}})},
                  .create = [](const drover::Config&,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::make_unique<drover::http_beast::BeastPlugin>(context);
                  },
              });
