// Serves 1 KB to every GET, and WebSocket sessions that do nothing, through the HTTP front under test.
//
// usage: http_server [CERTIFICATE KEY]     prints its port, then serves until it is told to stop (SIGTERM)
#include <signal.h>

#include <iostream>

#include "drover/services/http_front.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

Async<void> stay_until_closed(std::shared_ptr<WebSocket> socket) {
    for (;;) {
        const auto message = co_await socket->read();
        if (!message) co_return;
    }
}

Async<Result<HttpReply>> answer(HttpRequest request) {
    if (request.wants_websocket) {
        WebSocketUpgrade upgrade;
        upgrade.session = stay_until_closed;
        co_return HttpReply(std::move(upgrade));
    }
    static const std::string kilobyte(1024, 'x');
    HttpResponse response;
    response.headers.add("Content-Type", "application/octet-stream");
    response.body = kilobyte;
    co_return HttpReply(std::move(response));
}

}  // namespace
}  // namespace drover::bench

int main(int argc, char** argv) {
    using namespace drover;
    using namespace drover::bench;
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, nullptr);
    signal(SIGPIPE, SIG_IGN);

    host::Runtime runtime(2);
    LoadedPlugin plugin(runtime, "http-beast.so", {}, scratch("http_server"));
    HttpListenOptions options;
    options.address = {"127.0.0.1", 0};
    options.name = "bench";
    options.limits.connections = 19'500;
    // Nobody answers pings for the idle clients, and they stay for as long as memory is measured.
    options.limits.ping_interval = std::chrono::hours(1);
    options.limits.idle_timeout = std::chrono::hours(1);
    if (argc == 3) options.tls = {argv[1], argv[2]};
    auto listener =
        block_on(runtime.executor(), plugin.get<HttpFront>().listen(options, answer), std::chrono::seconds(10)).value();
    std::cout << listener->address().port << std::endl;
    int signal_number = 0;
    sigwait(&stops, &signal_number);
    const auto stopped =
        block_on(runtime.executor(), listener->stop(Deadline::in(runtime.clock(), std::chrono::seconds(5))),
                 std::chrono::seconds(20));
    if (!stopped) std::cerr << stopped.error() << "\n";
}
