// The operator's port: is it alive, is it ready and if not why, and what it measures.
#include <unistd.h>

#include <boost/json.hpp>

#include <fstream>

#include "listening_plugin.hpp"

namespace drover::roles {
namespace {

HttpListenOptions listen_options(const Config& config) {
    HttpListenOptions options{.address = config.address("listen"), .name = "ops"};
    options.limits.body_bytes = 0;
    options.limits.connections = 100;
    return options;
}

/// From /proc/self/statm: resident memory, in bytes.
double resident_bytes() {
    std::ifstream in("/proc/self/statm");
    double pages = 0;
    double resident = 0;
    in >> pages >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

class OpsPlugin final : public ListeningPlugin {
public:
    OpsPlugin(const Config& config, Context& context)
        : ListeningPlugin(context, "ops.listen", listen_options(config)),
          memory_(context.metrics().gauge("drover_process_resident_bytes", "Resident memory of this process.")) {
        context.metrics()
            .gauge("drover_build_info", "Always 1; the labels say what runs.", {{"version", context.server().version}})
            .set(1);
    }

protected:
    Async<Result<HttpReply>> answer(HttpRequest request) override {
        if (request.method != "GET" && request.method != "HEAD") {
            auto refused = text_response(405, "Only GET is answered here.\n");
            refused.headers.add("Allow", "GET, HEAD");
            co_return HttpReply(std::move(refused));
        }
        if (request.path == "/healthz") co_return HttpReply(text_response(200, "ok\n"));
        if (request.path == "/readyz") co_return HttpReply(ready(request));
        if (request.path == "/metrics") co_return HttpReply(metrics());
        co_return HttpReply(text_response(404, "Nothing here. Try /healthz, /readyz or /metrics.\n"));
    }

private:
    /// 200 when every plugin is ready, 503 otherwise; either way each that is not is named, with the reason.
    HttpResponse ready(const HttpRequest& request) {
        const auto all = context().composition();
        bool every = true;
        std::string text;
        boost::json::array plugins;
        for (const auto& plugin : all) {
            if (plugin.ready()) continue;
            every = false;
            text += plugin.instance + " (" + plugin.id + ") is " + plugin.phase + ": " + plugin.health.reason + "\n";
            plugins.push_back(boost::json::object{{"plugin", plugin.instance},
                                                  {"id", plugin.id},
                                                  {"phase", plugin.phase},
                                                  {"reason", plugin.health.reason}});
        }
        const int status = every ? 200 : 503;
        if (request.headers.get("Accept").find("application/json") != std::string_view::npos)
            return json_response(status, boost::json::serialize(
                                             boost::json::object{{"ready", every}, {"notReady", std::move(plugins)}}));
        return text_response(status, every ? "ready: " + std::to_string(all.size()) + " plugins\n" : text);
    }

    HttpResponse metrics() {
        memory_.set(resident_bytes());
        for (const auto& plugin : context().composition())
            context()
                .metrics()
                .gauge("drover_plugin_ready", "1 when the plugin is ready and well, else 0.",
                       {{"plugin", plugin.instance}})
                .set(plugin.ready() ? 1 : 0);
        return {200, {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}}, context().metrics().render()};
    }

    Gauge& memory_;
};

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN("drover.ops", "0.1.0",
              {
                  .summary = "Health, readiness and metrics on a port of their own",
                  .needs = {drover::need<drover::HttpFront>()},
                  .options = {drover::address("listen", "127.0.0.1:9090",
                                              "Where /healthz, /readyz and /metrics are answered; loopback only.")
                                  .at_key("ops.listen")},
                  .roles = {{"ops", "health, readiness and metrics", true}},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(new drover::roles::OpsPlugin(config, context));
                  },
              });
