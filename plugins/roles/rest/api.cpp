// The pipeline that every request goes through.
#include <array>

#include "json_text.hpp"
#include "request.hpp"
#include "state.hpp"

namespace drover::rest {

namespace json = boost::json;

RestApi::State::State(Context& owner, Engine& its_engine, Store& its_store, Options its_options)
    : context(owner),
      engine(its_engine),
      store(its_store),
      options(std::move(its_options)),
      reads(its_store, owner.clock()),
      settings(its_engine, owner.clock()),
      auth(owner, reads, settings, options.security),
      tasks(owner.executor()) {
    for (const auto& extension : context.extensions<ModelExtension>()) {
        for (auto& filter : extension.object->create_filters()) filters.push_back(std::move(filter));
        for (auto& handler : extension.object->actions())
            actions[{lower(handler.type), lower(handler.action)}] = handler;
    }
    Events::Options of_events;
    of_events.server_id = context.server().id;
    events = std::make_unique<Events>(context.get<EventBus>(), context.clock(), tasks, context.log(), of_events);
}

RestApi::State::~State() {
    if (events) events->close();
}

RestApi::RestApi(Context& context, Engine& engine, Store& store, Options options)
    : state_(std::make_shared<State>(context, engine, store, std::move(options))) {
    auto* state = state_.get();
    // They are called through the state, which requests hold while they run.
    const auto own = [&](const char* type, auto answer) {
        state->endpoints[type] = [state, answer](ApiRequestPtr request) -> Async<Result<HttpReply>> {
            const auto set = state->sets().of(request->caller.kind);
            Ask ask{request, set, set->find(request->type)};
            auto answering = answer(state, std::move(ask));
            auto reply = co_await std::move(answering);
            if (!reply) co_return reply.error();
            co_return HttpReply(std::move(*reply));
        };
    };
    own("schema", [](State* s, Ask ask) -> Async<Result<HttpResponse>> { co_return s->schemas(ask); });
    own("typeDocumentation", [](State* s, Ask ask) -> Async<Result<HttpResponse>> { co_return s->documentation(ask); });
    own("processDefinition", [](State* s, Ask ask) { return s->process_definitions(std::move(ask)); });
    own("resourceDefinition", [](State* s, Ask ask) { return s->resource_definitions(std::move(ask)); });
    own("extensionPoint", [](State* s, Ask ask) { return s->extension_points(std::move(ask)); });
    own("activeSetting", [](State* s, Ask ask) { return s->settings_answer(std::move(ask)); });
    own("setting", [](State* s, Ask ask) { return s->settings_answer(std::move(ask)); });
    state->watch_changes();
}

RestApi::~RestApi() {
    state_->events->close();
    state_->tasks.cancel();
    if (!state_->tasks.join(std::chrono::seconds(5)))
        state_->context.log().warning("the API's own tasks did not end in time");
}

void RestApi::set_endpoint(std::string type, Endpoint endpoint) {
    state_->endpoints[std::move(type)] = std::move(endpoint);
}

Async<Result<HttpReply>> RestApi::answer(HttpRequest request) {
    auto state = state_;
    co_return co_await state->answer(std::move(request));
}

SchemaSets& RestApi::State::sets() {
    std::call_once(sets_once, [this] {
        std::set<std::string> answered;
        for (const auto& [type, endpoint] : endpoints) answered.insert(type);
        made_sets = std::make_unique<SchemaSets>(engine.model(), std::move(answered),
                                                 std::set<std::string>(options.types.begin(), options.types.end()));
    });
    return *made_sets;
}

namespace {
constexpr std::array<const char*, 2> kChanges{"state.change", "api.change"};
}  // namespace

/// Credentials and accounts that change are looked up anew, whoever changed them.
void RestApi::State::watch_changes() {
    tasks.spawn("rest.changes", [this]() -> Async<void> {
        const std::vector<std::string> names(kChanges.begin(), kChanges.end());
        for (;;) {
            auto subscribed = co_await events->subscribe(names);
            while (subscribed) {
                auto item = co_await subscribed->next(context.clock());
                if (!item && item.error().code() == Errc::cancelled) co_return;
                if (!item) break;
                const auto* event = std::get_if<Event>(&*item);
                if (!event || event->resource_type == "credential" || event->resource_type == "account") auth.forget();
                if (!event || event->resource_type == "setting") settings.forget();
            }
            auth.forget();  // what changed meanwhile was not heard of
            auto waited = co_await sleep_for(context.clock(), std::chrono::seconds(1));
            if (!waited) co_return;
        }
    });
}

namespace {

int status_of(const HttpReply& reply) {
    if (const auto* response = std::get_if<HttpResponse>(&reply)) return response->status;
    if (const auto* streamed = std::get_if<HttpStreamed>(&reply)) return streamed->status;
    return 101;
}

void add_headers(HttpReply& reply, const HttpHeaders& more) {
    std::visit(
        [&](auto& one) {
            for (const auto& [name, value] : more.list()) one.headers.add(name, value);
        },
        reply);
}

std::string escaped_realm(const std::string& realm) {
    std::string text;
    for (const char c : realm) {
        if (c == '"' || c == '\\') text += '\\';
        if (c >= ' ' && c <= '~') text += c;
    }
    return text;
}

}  // namespace

Async<Result<HttpReply>> RestApi::State::answer(HttpRequest http) {
    const auto begun = context.clock().now();
    auto request = std::make_shared<ApiRequest>();
    request->http = std::move(http);
    request->method = request->http.method;
    const auto headers = std::make_shared<HttpHeaders>();  // owners: this and the pipeline
    auto replied = co_await process(request, headers);
    auto reply = replied ? std::move(*replied) : HttpReply(error_response(replied.error()));
    const int status = status_of(reply);
    if (status >= 500 && !replied)
        context.log().warning("a request failed", {{"type", request->type}, {"why", replied.error().message()}});
    add_headers(reply, *headers);
    measure(*request, status, begun);
    co_return std::move(reply);
}

Async<Result<HttpReply>> RestApi::State::process(std::shared_ptr<ApiRequest> request,
                                                 std::shared_ptr<HttpHeaders> headers) {
    const auto live = settings.get();
    auto origin = origin_of(request->http, live->allow_client_override);
    if (!origin) co_return origin.error();
    request->base = *origin + "/v1";
    request->url = *origin + request->http.path;
    headers->add("X-API-Schemas", request->base + "/schemas");

    auto caller = co_await auth.identify(std::string(request->http.headers.get("Authorization")), request->http.remote);
    if (!caller) {
        if (caller.error().detail("status") == "401")
            headers->add("WWW-Authenticate", "Basic realm=\"" + escaped_realm(live->realm) + '"');
        if (caller.error().detail("status") == "429") headers->add("Retry-After", "10");
        co_return caller.error();
    }
    request->caller = std::move(*caller);
    request->client_ip = client_ip_of(request->http);
    headers->add("X-API-Client-IP", request->client_ip);

    if (auto read = read_content(*request); !read) co_return read.error();
    auto target = parse_target(request->http.path);
    if (!target) co_return target.error();
    if (!target->names_version()) {
        if (request->method != "GET") co_return refusal(405, "Method not allowed");
        co_return HttpReply(versions(*request));
    }
    if (target->version() != kVersion) co_return refusal(422, "UnsupportedVersion");
    Ask ask{request, sets().of(request->caller.kind), nullptr};
    if (target->segments.size() == 1) {
        if (request->method != "GET") co_return refusal(405, "Method not allowed");
        co_return HttpReply(version(ask));
    }
    if (target->segments.size() > 4) co_return not_found();
    ask.type = ask.set->find(target->part(1));
    if (!ask.type) co_return not_found();
    request->type = ask.type->name;
    request->id = target->part(2);
    request->link = target->part(3);
    co_return co_await dispatch(std::move(ask));
}

Async<Result<HttpReply>> RestApi::State::dispatch(Ask ask) {
    if (const auto found = endpoints.find(ask.type->name); found != endpoints.end()) {
        auto endpoint = found->second;
        co_return co_await through_endpoint(std::move(ask), std::move(endpoint));
    }
    if (!ask.type->resource) co_return not_found();
    co_return co_await resource(std::move(ask));
}

Async<Result<HttpReply>> RestApi::State::through_endpoint(Ask ask, Endpoint endpoint) {
    const auto& type = *ask.type;
    const auto& method = ask.request->method;
    const bool one = !ask.request->id.empty();
    const bool allowed = (method == "GET" && (one ? type.get : type.list)) ||
                         (method == "POST" && !one && type.create) || (method == "PUT" && one && type.update) ||
                         (method == "DELETE" && one && type.remove);
    if (!allowed) co_return refusal(405, "Method not allowed");
    auto reply = co_await endpoint(ask.request);
    if (!reply) co_return reply.error();
    co_return std::move(*reply);
}

Async<Result<HttpReply>> RestApi::State::resource(Ask ask) {
    const auto& type = *ask.type;
    const auto& request = *ask.request;
    const auto no_such_method = refusal(405, "Method not allowed");
    Result<HttpResponse> response = no_such_method;
    if (request.id.empty()) {
        if (request.method == "GET" && type.list) {
            CollectionFrame frame;
            frame.resource_type = type.name;
            std::vector<AnyOf> nothing_more;
            response = co_await list(ask, std::move(nothing_more), std::move(frame), false);
        } else if (request.method == "POST" && !request.action.empty()) {
            co_return invalid_field("InvalidAction", "action");
        } else if (request.method == "POST" && type.create) {
            response = co_await create(ask);
        }
    } else {
        const auto id = request.caller.parse(request.id);
        if (!id) co_return not_found();
        const bool explains = type.name == "processInstance" && lower(request.link) == "explain";
        if (!request.link.empty()) {
            if (request.method == "GET" && type.get && explains) response = co_await explanation(ask, *id);
            else if (request.method == "GET" && type.get) response = co_await follow(ask, *id);
            else if (request.method == "POST" && type.get) response = co_await create_linked(ask, *id);
        } else if (request.method == "GET" && type.get) {
            response = co_await get(ask, *id);
        } else if (request.method == "POST" && !request.action.empty()) {
            response = co_await act(ask, *id);
        } else if (request.method == "PUT" && type.update) {
            response = co_await update(ask, *id);
        } else if (request.method == "DELETE" && type.remove) {
            response = co_await remove(ask, *id);
        }
    }
    if (!response) co_return response.error();
    co_return HttpReply(std::move(*response));
}

void RestApi::State::measure(const ApiRequest& request, int status, TimePoint begun) {
    static const std::set<std::string> kMethods{"GET", "POST", "PUT", "DELETE"};
    const std::string type = request.type.empty() ? "none" : request.type;
    const std::string method = kMethods.contains(request.method) ? request.method : "other";
    const auto took = std::chrono::duration<double>(context.clock().now() - begun).count();
    Histogram* latency = nullptr;
    {
        const std::lock_guard lock(metrics_mutex);
        auto& known = latencies[type + ' ' + method];
        if (!known)
            known = &context.metrics().histogram("drover_api_request_seconds", "Time until a request was answered",
                                                 {{"port", options.name}, {"type", type}, {"method", method}});
        latency = known;
        if (status >= 400) {
            auto& counter = failures[status];
            if (!counter)
                counter = &context.metrics().counter("drover_api_errors_total", "Requests answered with an error",
                                                     {{"port", options.name}, {"status", std::to_string(status)}});
            counter->add();
        }
    }
    latency->observe(took);
}

void RestApi::State::tell_change(const Ask& ask, std::optional<std::int64_t> id, int status) {
    const auto& type = ask.type->name;
    if (settings.get()->unpublished.contains(type)) return;
    Event event;
    event.id = new_uuid();
    event.name = "api.change";
    event.resource_type = ask.type->base;
    if (id) event.resource_id = std::to_string(*id);
    event.time = context.clock().wall();
    event.data =
        json::object{{"method", ask.request->method},
                     {"id", event.resource_id.empty() ? json::value(nullptr) : json::value(event.resource_id)},
                     {"type", type},
                     {"action", ask.request->action.empty() ? json::value(nullptr) : json::value(ask.request->action)},
                     {"responseCode", status}};
    if (ask.type->base == "credential" || ask.type->base == "account") auth.forget();
    tasks.spawn("rest.change", [this, event = std::move(event)]() -> Async<void> {
        // Lost is not wrong: the store is the truth, and whoever listens looks again.
        static_cast<void>(co_await events->publish(event));
    });
}

}  // namespace drover::rest
