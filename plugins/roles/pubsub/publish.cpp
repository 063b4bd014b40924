// POST /v1/publish: who may say what.
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "drover/json.hpp"
#include "drover/model/model.hpp"
#include "errors.hpp"
#include "pubsub_state.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

constexpr std::string_view kReply = "reply.";

/// Reads the fields of a publish; the first that is wrong is remembered.
class Fields {
public:
    explicit Fields(const json::object& body) : body_(body) {}

    std::string text(const std::string& name) {
        const auto* value = find(name);
        if (!value) return {};
        if (value->is_string()) return std::string(value->get_string());
        if (value->is_int64()) return std::to_string(value->get_int64());
        if (value->is_uint64()) return std::to_string(value->get_uint64());
        fail("InvalidFormat", name);
        return {};
    }
    std::optional<std::int64_t> integer(const std::string& name) {
        const auto* value = find(name);
        if (!value) return std::nullopt;
        if (value->is_int64()) return value->get_int64();
        if (value->is_double() && std::abs(value->get_double()) < 9e15) {
            return static_cast<std::int64_t>(value->get_double());  // "time" as JavaScript and Python write it
        }
        if (value->is_string()) {
            const std::string_view digits(value->get_string());
            std::int64_t number = 0;
            const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
            if (read.ec == std::errc() && read.ptr == digits.data() + digits.size()) return number;
            if (digits.empty()) return std::nullopt;
        }
        fail("InvalidFormat", name);
        return std::nullopt;
    }
    std::vector<std::string> texts(const std::string& name) {
        const auto* value = find(name);
        if (!value) return {};
        if (value->is_string()) return {std::string(value->get_string())};
        if (!value->is_array()) {
            fail("InvalidFormat", name);
            return {};
        }
        std::vector<std::string> all;
        if (value->get_array().size() > kMostPrevious) fail("MaxLimitExceeded", name);
        for (const auto& one : value->get_array()) {
            if (one.is_string()) all.emplace_back(one.get_string());
            else fail("InvalidFormat", name);
        }
        return all;
    }
    json::value object(const std::string& name) {
        const auto* value = find(name);
        if (!value) return nullptr;
        if (value->is_object()) return *value;
        if (value->is_string()) {  // of a form
            if (value->get_string().empty()) return nullptr;
            if (auto parsed = parse_json(value->get_string(), kDeepestEvent); parsed && parsed->is_object())
                return std::move(*parsed);
        }
        fail("InvalidFormat", name);
        return nullptr;
    }
    void fail(std::string code, std::string field) {
        if (!problem_) problem_ = refusal(422, std::move(code), std::move(field));
    }
    const std::optional<Error>& problem() const { return problem_; }

private:
    /// Null and absent are the same.
    const json::value* find(const std::string& name) const {
        const auto* value = body_.if_contains(name);
        return value && !value->is_null() ? value : nullptr;
    }
    const json::object& body_;
    std::optional<Error> problem_;
};

std::optional<Transitioning> transitioning_of(Fields& fields) {
    const auto word = fields.text("transitioning");
    if (word.empty()) return std::nullopt;
    for (const auto known : {Transitioning::no, Transitioning::yes, Transitioning::error})
        if (word == to_string(known)) return known;
    fields.fail("InvalidOption", "transitioning");
    return std::nullopt;
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(json::string(text));
}

/// The resource that answers a publish: what was published, as it was understood.
std::string echo(const ApiRequest& request, const Event& event) {
    const auto& caller = request.caller;
    const auto id = caller.plain_ids ? event.id : format_id("publish", std::string_view(event.id));
    const auto number = [](const auto& value) { return value ? json::value(*value) : json::value(nullptr); };
    const auto* resource = request.body.if_contains("resourceId");
    return json::serialize(json::object{
        {"id", id},
        {"type", "publish"},
        {"links", json::object{{"self", request.base + "/publish/" + id}}},
        {"actions", json::object{}},
        {"name", event.name},
        {"previousIds", json::value_from(event.previous_ids)},
        {"publisher", text_or_null(event.publisher)},
        {"resourceId", resource ? *resource : json::value(nullptr)},
        {"resourceType", text_or_null(event.resource_type)},
        {"time", event.time ? json::value(event.time->time_since_epoch().count()) : json::value(nullptr)},
        {"data", event.data},
        {"transitioning", event.transitioning ? json::value(to_string(*event.transitioning)) : json::value(nullptr)},
        {"transitioningInternalMessage", text_or_null(event.transitioning_internal_message)},
        {"transitioningMessage", text_or_null(event.transitioning_message)},
        {"transitioningProgress", number(event.transitioning_progress)}});
}

}  // namespace

Result<Event> PubSub::State::event_of(const ApiRequest& request) {
    Fields fields(request.body);
    Event event;
    event.id = fields.text("id");
    event.name = fields.text("name");
    event.resource_type = fields.text("resourceType");
    event.publisher = fields.text("publisher");
    event.previous_ids = fields.texts("previousIds");
    event.data = fields.object("data");
    event.transitioning = transitioning_of(fields);
    event.transitioning_message = fields.text("transitioningMessage");
    event.transitioning_internal_message = fields.text("transitioningInternalMessage");
    event.transitioning_progress = fields.integer("transitioningProgress");
    if (const auto time = fields.integer("time")) event.time = WallTime(std::chrono::milliseconds(*time));
    const auto resource = fields.text("resourceId");
    if (!resource.empty()) {
        if (const auto row = request.caller.parse(resource)) event.resource_id = std::to_string(*row);
        else if (auto raw = request.caller.plain_ids ? std::optional(resource) : parse_id(resource))
            event.resource_id = std::move(*raw);
        else fields.fail("InvalidFormat", "resourceId");
    }
    if (event.name.empty()) fields.fail("MissingRequired", "name");
    if (fields.problem()) return *fields.problem();
    if (event.name.size() > kLongestEventName) return refusal(422, "MaxLengthExceeded", "name");
    if (event.name.find('*') != std::string::npos || !check_event_name(event.name))
        return refusal(422, "InvalidCharacters", "name");
    constexpr std::size_t kLongestId = 255;
    if (event.id.size() > kLongestId) return refusal(422, "MaxLengthExceeded", "id");
    if (event.id.empty()) event.id = new_uuid();
    if (!event.time) event.time = clock.wall();
    return event;
}

Async<Result<std::optional<HttpReply>>> PubSub::State::check_reply(ApiRequestPtr request, Event event) {
    const auto self = shared_from_this();
    using Answer = std::optional<HttpReply>;
    const auto forbidden = [this](const std::string& reason, std::string sentence) {
        count_refusal("publish", reason);
        return Answer(HttpReply(error_response(403, "Forbidden", {}, {}, std::move(sentence))));
    };
    const auto& caller = request->caller;
    if (caller.subscription != SubscriptionStyle::agent)
        co_return forbidden("account", "Accounts of this kind do not publish.");
    if (!event.name.starts_with(kReply))
        co_return forbidden("name", "Agents publish replies only: events whose name begins with reply.");
    const auto agents = co_await accounts.agents_of(caller.account_id, false);
    if (!agents) co_return agents.error();
    const auto verdict = ledger.answer(event, *agents, clock.now());
    if (verdict == CommandLedger::Verdict::open) co_return Answer();
    if (verdict == CommandLedger::Verdict::duplicate) {
        // The first one counts; who repeats it (a retry, most likely) did nothing wrong.
        count_refusal("publish", "duplicate");
        HttpResponse again{201, {{"Content-Type", "application/json; charset=utf-8"}}, echo(*request, event)};
        co_return Answer(HttpReply(std::move(again)));
    }
    co_return forbidden(std::string(to_string(verdict)),
                        "No command that waits for this reply was sent to this agent.");
}

Async<Result<HttpReply>> PubSub::State::publish(ApiRequestPtr request) {
    const auto self = shared_from_this();
    if (request->method != "POST" || !request->id.empty())
        co_return HttpReply(request->id.empty() ? error_response(405, "Method not allowed")
                                                : error_response(404, "Not Found"));
    auto event = event_of(*request);
    if (!event) co_return HttpReply(error_response(event.error()));
    const auto& caller = request->caller;
    // Those who see everything as it is may say anything, those who only read nothing.
    if (caller.subscription != SubscriptionStyle::raw || !caller.all_accounts) {
        auto checking = check_reply(request, *event);
        auto refused = co_await std::move(checking);
        if (!refused) co_return HttpReply(error_response(refused.error()));
        if (*refused) co_return std::move(**refused);
    }
    auto body = echo(*request, *event);
    auto publishing = events.publish(std::move(*event));
    const auto published = co_await std::move(publishing);
    if (!published && published.error().code() == Errc::invalid)
        co_return HttpReply(error_response(422, "MaxLimitExceeded", "data", {}, published.error().message()));
    if (!published) co_return HttpReply(error_response(503, "Service Unavailable"));
    HttpResponse response{201, {{"Content-Type", "application/json; charset=utf-8"}}, std::move(body)};
    co_return HttpReply(std::move(response));
}

}  // namespace drover::rest
