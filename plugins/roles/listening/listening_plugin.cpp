#include "listening_plugin.hpp"

namespace drover::roles {

ListeningPlugin::ListeningPlugin(Context& context, std::string key, HttpListenOptions options, bool authenticates)
    : context_(context), key_(std::move(key)), options_(std::move(options)), authenticates_(authenticates) {}

Result<void> ListeningPlugin::start(Deadline deadline) {
    if (!authenticates_)
        if (auto allowed = check_loopback_only(options_.address, key_); !allowed) return allowed;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock()));
    auto listener = block_on(context_.executor(),
                             context_.get<HttpFront>().listen(
                                 options_, [this](HttpRequest request) { return guarded_answer(std::move(request)); }),
                             left);
    if (!listener) return listener.error().in(key_);
    listener_ = std::move(*listener);
    context_.log().info("listening", {{"address", listener_->address().to_string()}});
    return ok;
}

Result<void> ListeningPlugin::drain(Deadline deadline) {
    if (!listener_) return ok;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left(context_.clock()));
    return block_on(context_.executor(), listener_->stop(deadline), left);
}

Result<void> ListeningPlugin::stop(Deadline) {
    listener_.reset();
    return ok;
}

Async<Result<HttpReply>> ListeningPlugin::guarded_answer(HttpRequest request) {
    if (!authenticates_) {
        if (auto local = check_local_origin(request); !local)
            co_return HttpReply(text_response(403, local.error().describe() + "\n"));
    }
    co_return co_await answer(std::move(request));
}

HttpResponse text_response(int status, std::string text) {
    return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text)};
}

HttpResponse json_response(int status, std::string json) {
    return {status, {{"Content-Type", "application/json; charset=utf-8"}}, std::move(json)};
}

}  // namespace drover::roles
