#include "drover/conformance/http_kit.hpp"

#include <stdexcept>

namespace drover::conformance {

std::vector<Case>& http_cases() {
    static std::vector<Case> cases;
    return cases;
}

void HttpKit::TearDown() {
    for (const auto& listener : listeners_) (void)stop(*listener, 500ms);
    listeners_.clear();
    KitCase::TearDown();
}

bool HttpKit::promises(const std::string& trait) {
    const auto traits = backend().traits(HttpFront::kId);
    const auto found = traits.find(trait);
    return found != traits.end() && found->second == "true";
}

HttpAbilities HttpKit::abilities() {
    const auto* own = dynamic_cast<HttpFrontBackend*>(&backend());
    return own ? own->abilities() : HttpAbilities();
}

Result<std::unique_ptr<HttpListener>> HttpKit::listen(HttpListenOptions options, HttpHandler handler) {
    if (const auto* own = dynamic_cast<HttpFrontBackend*>(&backend())) options.limits = own->limits(options.limits);
    return run(front().listen(std::move(options), std::move(handler)));
}

HttpListener& HttpKit::serve(HttpHandler handler, const Tweak& tweak) {
    HttpListenOptions options{.address = {"127.0.0.1", 0}, .name = "kit"};
    if (tweak) tweak(options);
    auto listening = listen(std::move(options), std::move(handler));
    listeners_.push_back(std::move(listening.value()));
    return *listeners_.back();
}

Result<void> HttpKit::stop(HttpListener& listener, std::chrono::milliseconds patience) {
    return run(listener.stop(in(patience)));
}

Pending<void> HttpKit::stopping(HttpListener& listener, std::chrono::milliseconds patience) {
    const auto deadline = in(patience);
    Pending<void> pending(backend().executor(), [&listener, deadline] { return listener.stop(deadline); });
    pending.wait_begun();
    return pending;
}

RawAnswer HttpKit::ask(const HttpListener& listener, std::string_view request) {
    auto client = connect(listener);
    client.send(request);
    auto answer = client.answer();
    if (!answer) throw std::runtime_error("no answer to: " + std::string(request));
    return *answer;
}

std::size_t send_while_taken(RawClient& client, std::string_view piece, std::size_t at_most) {
    constexpr int kPatientRounds = 5;
    std::size_t sent = 0;
    for (int idle = 0; sent < at_most && idle < kPatientRounds;) {
        const auto taken = client.send_some(piece.substr(sent % piece.size()));
        sent += taken;
        idle = taken > 0 ? 0 : idle + 1;
        if (taken == 0 && !client.silent_for(100ms)) break;
    }
    return sent;
}

namespace {

Async<Result<HttpReply>> describe(HttpRequest request) {
    auto text = "method " + request.method + "\ntarget " + request.target + "\npath " + request.path + "\nquery " +
                request.query + "\nremote " + request.remote + "\ntls " + (request.tls ? "yes" : "no") + "\n";
    for (const auto& [name, value] : request.headers.list()) text += "header " + name + "=" + value + "\n";
    text += "body " + request.body;
    co_return HttpReply(HttpResponse{200, {{"Content-Type", "text/plain"}}, std::move(text)});
}

Async<Result<HttpReply>> reply_with(std::shared_ptr<const std::string> body) {
    co_return HttpReply(HttpResponse{200, {{"Content-Type", "text/plain"}}, *body});
}

}  // namespace

HttpHandler describing_handler() {
    return [](HttpRequest request) { return describe(std::move(request)); };
}

HttpHandler fixed_handler(std::string body) {
    const auto shared = std::make_shared<const std::string>(std::move(body));  // owners: the handler and its calls
    return [shared](const HttpRequest&) { return reply_with(shared); };
}

HttpHandler HeldHandler::handler() const {
    return [state = state_](HttpRequest request) { return hold(state, std::move(request)); };
}

Async<Result<HttpReply>> HeldHandler::hold(std::shared_ptr<State> state, HttpRequest request) {
    state->entered.fetch_add(1);
    const auto opened = co_await state->door.wait();
    if (!opened) {
        state->cancelled.fetch_add(1);
        co_return opened.error();
    }
    state->answered.fetch_add(1);
    co_return HttpReply(HttpResponse{200, {}, request.body.empty() ? request.target : request.body});
}

}  // namespace drover::conformance
