#pragma once

#include "drover/http/local_only.hpp"
#include "drover/plugin.hpp"

namespace drover::roles {

/// A role that answers on one port: listens at start, answers what is under way at drain, and is gone after.
/// The front is the deployment's (`service.http`).
class ListeningPlugin : public Plugin {
public:
    /// `key` is the option that holds the address, for messages. A port that authenticates whoever asks may be
    /// reached from other machines; any other from this one only.
    ListeningPlugin(Context& context, std::string key, HttpListenOptions options, bool authenticates = false);

    Result<void> start(Deadline deadline) override;
    Result<void> drain(Deadline deadline) override;
    Result<void> stop(Deadline deadline) override;

protected:
    /// Answers one request, which came from this machine unless the port authenticates.
    virtual Async<Result<HttpReply>> answer(HttpRequest request) = 0;
    Context& context() { return context_; }

private:
    Async<Result<HttpReply>> guarded_answer(HttpRequest request);

    Context& context_;
    const std::string key_;
    const HttpListenOptions options_;
    const bool authenticates_;
    std::unique_ptr<HttpListener> listener_;
};

HttpResponse text_response(int status, std::string text);
HttpResponse json_response(int status, std::string json);

}  // namespace drover::roles
