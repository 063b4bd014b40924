// POST /v1/subscribe and the WebSocket of GET: who gets what.
#include <algorithm>

#include "errors.hpp"
#include "pubsub_state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

constexpr std::size_t kMostNames = 256;
constexpr std::size_t kMostIncludesOf = 8;

/// The texts in a field that may be one text, a list, or a list of lists, as clients send them.
bool add_texts(const json::value& value, std::vector<std::string>& into, int depth = 0) {
    if (value.is_null()) return true;
    if (value.is_string()) {
        into.emplace_back(value.get_string());
        return true;
    }
    if (!value.is_array() || depth > 1) return false;
    return std::all_of(value.get_array().begin(), value.get_array().end(),
                       [&](const json::value& one) { return add_texts(one, into, depth + 1); });
}

Result<std::vector<std::string>> texts_of(const ApiRequest& request, const std::string& field) {
    std::vector<std::string> texts;
    if (const auto* value = request.body.if_contains(field)) {
        if (!add_texts(*value, texts)) return refusal(422, "InvalidFormat", field);
    }
    if (texts.empty())
        if (const auto found = request.parameters.find(field); found != request.parameters.end()) texts = found->second;
    return texts;
}

std::optional<std::string> id_text(const ApiRequest& request, const std::string& field) {
    if (const auto* value = request.body.if_contains(field)) {
        if (value->is_string()) return std::string(value->get_string());
        if (value->is_int64()) return std::to_string(value->get_int64());
        if (value->is_uint64()) return std::to_string(value->get_uint64());
        if (!value->is_null()) return std::string();  // no id at all
    }
    const auto found = request.parameters.find(field);
    if (found == request.parameters.end() || found->second.empty()) return std::nullopt;
    return found->second.front();
}

Result<std::vector<std::string>> names_of(const ApiRequest& request) {
    auto names = texts_of(request, "eventNames");
    if (!names) return names.error();
    if (names->empty()) return refusal(422, "MissingRequired", "eventNames");
    if (names->size() > kMostNames) return refusal(422, "MaxLimitExceeded", "eventNames");
    for (const auto& name : *names) {
        if (name.empty()) return refusal(422, "MinLengthExceeded", "eventNames");
        if (name.size() > kLongestEventName) return refusal(422, "MaxLengthExceeded", "eventNames");
        if (!check_event_name(name)) return refusal(422, "InvalidCharacters", "eventNames");
    }
    return names;
}

}  // namespace

Async<Result<std::int64_t>> PubSub::State::agent_of_subscriber(ApiRequestPtr request) {
    const auto self = shared_from_this();
    const auto& caller = request->caller;
    const auto asked = id_text(*request, "agentId");
    std::optional<std::int64_t> wanted;
    if (asked) {
        wanted = caller.parse(*asked);
        if (!wanted) co_return refusal(422, "InvalidReference", "agentId");
    }
    if (caller.subscription == SubscriptionStyle::raw) {
        // As the agent itself, for those who see it.
        auto showing = api.shown_to(caller, "agent", *wanted, {}, request->base);
        const auto seen = co_await std::move(showing);
        if (!seen) co_return seen.error();
        if (seen->is_null()) co_return refusal(422, "InvalidReference", "agentId");
        co_return *wanted;
    }
    const auto agents = co_await accounts.agents_of(caller.account_id, true);
    if (!agents) co_return agents.error();
    if (agents->empty()) {
        count_refusal("subscribe", "no-agent");
        co_return refusal(403, "Forbidden", {}, "This account has no agent.");
    }
    if (!wanted && agents->size() > 1) co_return refusal(422, "MissingRequired", "agentId");
    if (!wanted) co_return agents->front();
    if (std::find(agents->begin(), agents->end(), *wanted) == agents->end()) {
        count_refusal("subscribe", "foreign-agent");
        co_return refusal(403, "Forbidden", {}, "This account may subscribe as its own agent only.");
    }
    co_return *wanted;
}

Async<Result<SubscriberPlan>> PubSub::State::plan(ApiRequestPtr request) {
    const auto self = shared_from_this();
    SubscriberPlan plan;
    plan.caller = request->caller;
    plan.base = request->base;
    auto includes = texts_of(*request, "include");
    if (!includes) co_return includes.error();
    if (includes->size() > kMostIncludesOf) co_return refusal(422, "MaxLimitExceeded", "include");
    plan.includes = std::move(*includes);
    auto names = names_of(*request);
    if (!names) co_return names.error();

    const auto style = plan.caller.subscription;
    std::string qualifier;
    if (style == SubscriptionStyle::agent || (style == SubscriptionStyle::raw && id_text(*request, "agentId"))) {
        const auto agent = co_await agent_of_subscriber(request);
        if (!agent) co_return agent.error();
        plan.agent = *agent;
        qualifier = ";agent=" + std::to_string(*agent);
    } else if (style == SubscriptionStyle::account) {
        qualifier = ";account=" + std::to_string(plan.caller.account_id);
    }
    plan.qualified = !qualifier.empty();
    for (auto& name : *names) {
        auto pattern = plan.qualified ? std::string(base_name(name)) + qualifier : std::move(name);
        if (pattern.front() == ';') co_return refusal(422, "InvalidCharacters", "eventNames");
        if (pattern.size() > kLongestEventName) co_return refusal(422, "MaxLengthExceeded", "eventNames");
        plan.patterns.push_back(std::move(pattern));
    }
    std::sort(plan.patterns.begin(), plan.patterns.end());
    plan.patterns.erase(std::unique(plan.patterns.begin(), plan.patterns.end()), plan.patterns.end());
    co_return plan;
}

Async<Result<HttpReply>> PubSub::State::subscribe(ApiRequestPtr request) {
    const auto self = shared_from_this();
    const bool socket = request->http.wants_websocket;
    if (!request->id.empty() || (request->method != "POST" && !(request->method == "GET" && socket)))
        co_return HttpReply(request->method == "GET" ? error_response(404, "Not Found")
                                                     : error_response(405, "Method not allowed"));
    auto planned = co_await plan(request);
    if (!planned) co_return HttpReply(error_response(planned.error()));
    auto subscribed = co_await events.subscribe(planned->patterns, options.queue);
    if (!subscribed) {
        log.warning("a subscription could not be made", {{"why", subscribed.error().message()}});
        co_return HttpReply(error_response(subscribed.error()));
    }
    const auto made = std::make_shared<const SubscriberPlan>(std::move(*planned));
    if (socket) {
        WebSocketUpgrade upgrade;
        upgrade.session = [self, made, feed = *subscribed](std::shared_ptr<WebSocket> to) {
            return self->stream_socket(made, feed, std::move(to));
        };
        co_return HttpReply(std::move(upgrade));
    }
    HttpStreamed streamed;
    streamed.status = 201;
    streamed.headers = {{"Content-Type", "text/plain"}};
    streamed.produce = [self, made, feed = *subscribed](HttpStream& out) {
        return self->stream_http(made, feed, &out);
    };
    co_return HttpReply(std::move(streamed));
}

}  // namespace drover::rest
