#include "inject.hpp"

namespace drover::conformance {
namespace {

HttpReply answer(int status, std::string text) {
    return HttpResponse{status, {{"Content-Type", "text/plain"}}, std::move(text)};
}

Async<Result<HttpReply>> handle(FaultPlan& plan, Clock& clock, HttpHandler handler, HttpRequest request) {
    constexpr int kUnavailable = 503;
    constexpr int kTimeout = 504;
    const auto drawn = plan.draw();
    if (drawn.fault == Fault::refuse) co_return answer(kUnavailable, "the fault plan refused the request\n");
    if (drawn.fault == Fault::lose) co_return answer(kTimeout, "the fault plan lost the request\n");
    if (drawn.fault == Fault::delay) {
        const auto waited = co_await sleep_for(clock, drawn.delay);
        if (!waited) co_return waited.error();
    }
    auto running = handler(std::move(request));
    auto reply = co_await std::move(running);
    if (drawn.fault == Fault::execute_and_time_out) co_return answer(kTimeout, "the fault plan lost the reply\n");
    co_return reply;
}

}  // namespace

Async<Result<std::unique_ptr<HttpListener>>> FaultyHttpFront::listen(HttpListenOptions options, HttpHandler handler) {
    const HttpHandler faulty = [plan = &plan_, clock = &clock_, handler](HttpRequest request) {
        return handle(*plan, *clock, handler, std::move(request));
    };
    return detail::inject<std::unique_ptr<HttpListener>>(
        plan_, clock_, Deadline::never(), "listen", [this, options, faulty] { return inner_.listen(options, faulty); });
}

}  // namespace drover::conformance
