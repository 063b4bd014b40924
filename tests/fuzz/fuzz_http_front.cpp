// The whole HTTP front over loopback: the plugin, loaded and started as the kernel does it, and a client that
// sends the input, then says that nothing more comes, and reads to the end.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"
#include "drover/services/http_front.hpp"
#include "fuzz.hpp"

namespace {

using namespace drover;
using namespace std::chrono_literals;
using fuzz::expect;

constexpr int kPatience = 20'000;  ///< milliseconds without a byte; then the front hangs

Async<Result<HttpReply>> answer(HttpRequest request) {
    if (request.wants_websocket) {
        WebSocketUpgrade upgrade;
        upgrade.session = [](std::shared_ptr<WebSocket> socket) -> Async<void> {
            while (auto message = co_await socket->read())
                if (!co_await socket->write(std::move(*message))) break;
        };
        co_return HttpReply(std::move(upgrade));
    }
    if (request.path == "/stream") {
        HttpStreamed streamed;
        streamed.produce = [body = std::move(request.body)](HttpStream& stream) -> Async<void> {
            for (const char c : body)
                if (!co_await stream.write(std::string(1, c))) break;
        };
        co_return HttpReply(std::move(streamed));
    }
    if (request.path == "/error") co_return Error(Errc::internal, "secret words");
    HttpResponse response;
    response.headers.add("X-Path", request.path);
    response.body = std::move(request.body);
    co_return HttpReply(std::move(response));
}

/// The plugin and its listener; never taken down, for threads of it run when the program ends.
struct Server {
    host::Runtime runtime{1};
    Metrics metrics;
    std::unique_ptr<host::Instance> instance;
    std::unique_ptr<HttpListener> listener;

    Server() {
        auto library = host::Library::load(DROVER_BUILD_DIR "/lib/drover/plugins/http-beast.so", {});
        expect(library.has_value(), "the plugin loads", library ? "" : library.error().describe());
        instance = std::make_unique<host::Instance>(
            "http", *library,
            host::HostServices{.executor = runtime.executor(),
                               .clock = &runtime.clock(),
                               .log = Logger(make_null_log_sink(), "fuzz"),
                               .metrics = &metrics,
                               .server = {},
                               .resource_types = std::make_shared<const std::vector<ResourceType>>(),
                               .composition = nullptr});
        auto config = Config::make((*library)->descriptor().options, {});
        expect(config.has_value(), "the plugin has defaults");
        const auto created = host::Instance::wait([&](auto done) { instance->create(*config, 20s, done); });
        expect(created.has_value(), "the plugin is created");
        const auto started = host::Instance::wait([&](auto done) { instance->start(20s, done); });
        expect(started.has_value(), "the plugin starts");
        auto& front = *static_cast<HttpFront*>(instance->services().at(0).facade.get());
        HttpListenOptions options;
        options.address = {"127.0.0.1", 0};
        options.name = "fuzz";
        options.limits.header_bytes = 2048;
        options.limits.target_bytes = 512;
        options.limits.body_bytes = 2048;
        options.limits.message_bytes = 1024;
        auto listening = block_on(runtime.executor(), front.listen(std::move(options), answer), 20s);
        expect(listening.has_value(), "the front listens", listening ? "" : listening.error().describe());
        listener = std::move(*listening);
    }
};

class Client {
public:
    explicit Client(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        // Each from an address of its own, so that ports that wait to be forgotten do not run out.
        static std::uint32_t count = 0;
        sockaddr_in mine{};
        mine.sin_family = AF_INET;
        mine.sin_addr.s_addr = htonl(0x7f010000U + ++count % 0x10000U);
        expect(bind(socket_, reinterpret_cast<const sockaddr*>(&mine), sizeof mine) == 0, "a client has an address");
        sockaddr_in theirs{};
        theirs.sin_family = AF_INET;
        theirs.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        theirs.sin_port = htons(port);
        expect(connect(socket_, reinterpret_cast<const sockaddr*>(&theirs), sizeof theirs) == 0, "the front accepts");
        const int yes = 1;
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    }
    ~Client() { close(socket_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(std::string_view bytes) {
        // The front may have closed meanwhile: that is its right.
        if (!bytes.empty()) (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    }
    std::string finish() {
        shutdown(socket_, SHUT_WR);
        std::string all;
        char buffer[4096];
        for (;;) {
            pollfd waiting{socket_, POLLIN, 0};
            expect(poll(&waiting, 1, kPatience) == 1, "a connection whose client has finished ends", all);
            const auto count = recv(socket_, buffer, sizeof buffer, 0);
            if (count <= 0) return all;
            all.append(buffer, static_cast<std::size_t>(count));
        }
    }

private:
    const int socket_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static auto& server = *new Server;
    const auto bytes = fuzz::text_of(data, size);
    const auto cut = size == 0 ? 0 : data[size - 1] * size / 256;
    std::string answers;
    {
        Client client(server.listener->address().port);
        client.send(bytes.substr(0, cut));
        client.send(bytes.substr(cut));
        answers = client.finish();
    }
    expect(answers.empty() || answers.starts_with("HTTP/1.1 "), "what is answered is HTTP", answers);
    expect(answers.find("secret words") == std::string::npos, "an error of a handler is not shown", answers);
    return 0;
}
