#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "drover/conformance/http_client.hpp"
#include "drover/conformance/waiting.hpp"
#include "drover/services/http_front.hpp"

/// What an HTTP front must do. A front joins with
///
///     struct MyFront : HttpFrontBackend { ... };
///     const auto kCases = run_http_conformance<MyFront>("mine");
///
/// The traits `stream`, `websocket`, `tls` and `strict_framing` decide which cases are skipped; `abilities`
/// says what else a front without them cannot do.
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

using namespace std::chrono_literals;

/// What a front may lack. One that lacks something says so in its README.
struct HttpAbilities {
    bool waiting_handlers = true;  ///< many handlers may wait at the same time, each for as long as it likes
    bool pipelining = true;        ///< requests sent ahead are answered, in order
    bool expectations = true;      ///< Expect: 100-continue
    bool slow_peers = true;        ///< slow clients are cut when their time is over, and hold up nobody
    bool half_requests = true;     ///< the front survives every way to send a body in pieces
    std::size_t idle_connections = 10'000;
};

class HttpFrontBackend : public Backend {
public:
    virtual HttpAbilities abilities() const { return {}; }
    /// The last word on the limits of a listener, for a front that cannot honour all of them.
    virtual HttpLimits limits(HttpLimits wanted) const { return wanted; }
};

/// Fixture of the HTTP cases.
class HttpKit : public KitCase {
protected:
    void TearDown() override;
    HttpFront& front() { return backend().open<HttpFront>("alice"); }
    bool promises(const std::string& trait);
    /// Of a backend that says nothing of it: all.
    HttpAbilities abilities();

    using Tweak = std::function<void(HttpListenOptions&)>;
    /// Listens on a free port of 127.0.0.1; a failure ends the case. It is stopped with the case.
    HttpListener& serve(HttpHandler handler, const Tweak& tweak = {});
    Result<std::unique_ptr<HttpListener>> listen(HttpListenOptions options, HttpHandler handler);
    /// Stops a listener that `serve` gave.
    Result<void> stop(HttpListener& listener, std::chrono::milliseconds patience);
    /// A stop under way.
    Pending<void> stopping(HttpListener& listener, std::chrono::milliseconds patience);

    RawClient connect(const HttpListener& listener) { return RawClient(listener.address()); }
    RawClient connect(const HttpListener& listener, RawClient::How how) { return RawClient(listener.address(), how); }
    /// One request on a connection of its own. A failure ends the case.
    RawAnswer ask(const HttpListener& listener, std::string_view request);
    /// Asks until it holds; see `eventually`.
    bool until(const std::function<bool()>& condition) { return eventually(backend(), condition); }
    Clock& clock() { return backend().clock("observer"); }

private:
    std::vector<std::unique_ptr<HttpListener>> listeners_;
};

/// Sends `piece` again and again until the peer takes nothing for a while, or `at_most` bytes; how many went.
std::size_t send_while_taken(RawClient& client, std::string_view piece, std::size_t at_most);

/// Answers with a text that tells what came: method, target, path, query, each header, and the body.
HttpHandler describing_handler();
/// Answers every request with `body`.
HttpHandler fixed_handler(std::string body);

/// A handler that waits to be let on. Copies share it.
class HeldHandler {
public:
    /// Waits at the door; answers with the request's target, or with its body when it has one.
    HttpHandler handler() const;
    void let_on() const { state_->door.open(); }
    int entered() const { return state_->entered.load(); }
    int answered() const { return state_->answered.load(); }
    int cancelled() const { return state_->cancelled.load(); }

private:
    struct State {
        Gate door;
        std::atomic<int> entered{0};
        std::atomic<int> answered{0};
        std::atomic<int> cancelled{0};
    };
    static Async<Result<HttpReply>> hold(std::shared_ptr<State> state, HttpRequest request);
    std::shared_ptr<State> state_ = std::make_shared<State>();  // owners: this, its handlers and their calls
};

std::vector<Case>& http_cases();

/// Registers every case for `B`; returns how many.
template <class B>
std::size_t run_http_conformance(const std::string& name) {
    static_assert(std::is_base_of_v<HttpFrontBackend, B>, "a front's backend says what it can do");
    return register_cases(http_cases(), "Http", name, [] { return std::make_unique<B>(); });
}

#define HTTP_CASE(case_name) DROVER_KIT_CASE(HttpKit, http_cases, case_name)

/// Ends a case that asks for more than the front promises.
#define HTTP_NEEDS_TRAIT(trait)                                                  \
    do {                                                                         \
        if (!this->promises(trait)) GTEST_SKIP() << "not promised: " << (trait); \
    } while (false)
#define HTTP_NEEDS(ability)                                                        \
    do {                                                                           \
        if (!this->abilities().ability) GTEST_SKIP() << "not promised: " #ability; \
    } while (false)

}  // namespace conformance
}  // namespace drover
