#pragma once

#include <mutex>

#include "auth.hpp"
#include "drover/engine/extension.hpp"
#include "drover/events/events.hpp"
#include "errors.hpp"
#include "field_values.hpp"
#include "listing.hpp"
#include "reads.hpp"
#include "shown.hpp"

namespace drover::rest {

/// One request, with what its caller sees. A value; copies share the request and the schemas.
struct Ask {
    ApiRequestPtr request;
    std::shared_ptr<const SchemaSet> set;  // owners: the sets and requests
    const TypeSchema* type = nullptr;

    const Caller& caller() const { return request->caller; }
};

/// A row with what its includes found, one list for each.
struct FoundRow {
    Record record;
    std::vector<std::vector<Record>> linked{};
};

/// Everything behind RestApi. Its coroutines run while a request holds it.
struct RestApi::State : std::enable_shared_from_this<RestApi::State> {
    State(Context& owner, Engine& its_engine, Store& its_store, Options its_options);
    ~State();

    // api.cpp: the pipeline
    Async<Result<HttpReply>> answer(HttpRequest http);
    Async<Result<HttpReply>> process(std::shared_ptr<ApiRequest> request, std::shared_ptr<HttpHeaders> headers);
    Async<Result<HttpReply>> dispatch(Ask ask);
    Async<Result<HttpReply>> resource(Ask ask);
    Async<Result<HttpReply>> through_endpoint(Ask ask, Endpoint endpoint);
    SchemaSets& sets();
    void measure(const ApiRequest& request, int status, TimePoint begun);
    void tell_change(const Ask& ask, std::optional<std::int64_t> id, int status);

    // documents.cpp: what needs no row
    HttpResponse versions(const ApiRequest& request);
    HttpResponse version(const Ask& ask);
    Result<HttpResponse> schemas(const Ask& ask);
    HttpResponse documentation(const Ask& ask);
    HttpResponse collection_of(const Ask& ask, const std::vector<std::string>& rows) const;

    // rows.cpp: reading
    Async<Result<HttpResponse>> list(Ask ask, std::vector<AnyOf> more, CollectionFrame frame, bool all);
    Async<Result<HttpResponse>> get(Ask ask, std::int64_t id);
    Async<Result<HttpResponse>> follow(Ask ask, std::int64_t id);
    /// The row, if the caller sees it and it is of the type that was asked for; else 404.
    Async<Result<Record>> visible_row(Ask ask, std::int64_t id);
    /// The same for changing it: 403 when it may only be looked at.
    Async<Result<Record>> changeable_row(Ask ask, std::int64_t id);
    Async<Result<std::vector<FoundRow>>> find_rows(Ask ask, Query query, std::vector<const LinkSchema*> includes,
                                                   std::shared_ptr<bool> more);
    /// Which of these credentials' generated secrets are shown now; they are shown never again.
    Async<Result<std::set<std::int64_t>>> reveal(Ask ask, std::shared_ptr<const std::vector<FoundRow>> rows);
    Async<Result<HttpResponse>> shown_row(Ask ask, Record record, int status);

    // writes.cpp
    Async<Result<HttpResponse>> create(Ask ask);
    Async<Result<HttpResponse>> create_linked(Ask ask, std::int64_t id);
    Async<Result<HttpResponse>> update(Ask ask, std::int64_t id);
    Async<Result<HttpResponse>> remove(Ask ask, std::int64_t id);
    Async<Result<HttpResponse>> act(Ask ask, std::int64_t id);
    Async<Result<void>> check_references(Ask ask, std::vector<ReferenceCheck> references);
    Async<Result<void>> check_unique(Ask ask, boost::json::object values, std::int64_t except);
    /// What the filters of plugins make of the values of a create (id 0) or an update.
    Async<Result<boost::json::object>> filtered(Ask ask, boost::json::object values, std::int64_t id);

    // definitions.cpp, settings.cpp
    Async<Result<HttpResponse>> process_definitions(Ask ask);
    Async<Result<HttpResponse>> resource_definitions(Ask ask);
    Async<Result<HttpResponse>> extension_points(Ask ask);
    Async<Result<HttpResponse>> explanation(Ask ask, std::int64_t id);
    Async<Result<HttpResponse>> settings_answer(Ask ask);

    void watch_changes();

    Context& context;
    Engine& engine;
    Store& store;
    const Options options;
    Reads reads;
    LiveSettingsReader settings;
    Authenticator auth;
    std::map<std::string, Endpoint> endpoints{};  // fixed once the first request came
    std::vector<CreateFilter> filters{};
    std::map<std::pair<std::string, std::string>, ActionHandler> actions{};  // base type and action in lower case
    std::unique_ptr<SchemaSets> made_sets{};                                 // made once, guarded by sets_once
    std::once_flag sets_once;
    TaskGroup tasks;
    std::unique_ptr<Events> events;  // after tasks: it ends before them

    std::mutex metrics_mutex;
    std::map<std::string, Histogram*> latencies{};  // guarded by metrics_mutex; by type and method
    std::map<int, Counter*> failures{};             // guarded by metrics_mutex; by status
};

}  // namespace drover::rest
