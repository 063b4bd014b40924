#pragma once

#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drover/engine/engine.hpp"
#include "drover/services/http_front.hpp"

/// The REST API, for every role that answers it: authentication, schemas, resources, collections, actions.
namespace drover::rest {

/// How a subscriber's event names are read and delivered.
enum class SubscriptionStyle : unsigned char { raw, agent, account };

/// Who asks.
struct Caller {
    std::int64_t account_id = 0;
    std::string kind;  ///< chooses the schema set: admin, user, readAdmin, agent, agentRegister, superadmin
    std::string name;
    bool authenticated = false;
    bool all_accounts = false;  ///< sees every account's rows
    bool plain_ids = false;     ///< ids are raw numbers in both directions
    bool removed_visible = false;
    SubscriptionStyle subscription = SubscriptionStyle::account;

    /// The id as this caller sees it, and back; none when the text is not one.
    std::string format(std::string_view type, std::int64_t id) const;
    std::optional<std::int64_t> parse(std::string_view id) const;
};

/// One request after authentication and parsing.
struct ApiRequest {
    HttpRequest http;
    Caller caller;
    std::string method;  ///< with `_method` applied
    std::string base;    ///< "http://host:8080/v1"
    std::string url;     ///< of the request, without its query
    std::string client_ip;
    std::string type;  ///< of the path, resolved: "container"; empty when unset
    std::string id;    ///< as sent
    std::string link;
    std::string action;
    std::map<std::string, std::vector<std::string>> parameters;  ///< query and form
    boost::json::object body;                                    ///< merged with the parameters
};

using ApiRequestPtr = std::shared_ptr<const ApiRequest>;  // owners: who answers it
/// Answers requests for a type without a table: publish, subscribe, processDefinition ...
using Endpoint = std::function<Async<Result<HttpReply>>(ApiRequestPtr request)>;

/// An error as the API tells it. Statuses and codes: see the errors of the API's reference.
HttpResponse error_response(int status, std::string code, std::string field = {}, std::string message = {},
                            std::string detail = {});

class RestApi {
public:
    struct Options {
        bool security = false;             ///< `api.security.enabled`
        std::vector<std::string> types{};  ///< only these are answered; empty: all
        std::string name;                  ///< of the port, for metrics: "api", "agent"
    };
    RestApi(Context& context, Engine& engine, Store& store, Options options);
    ~RestApi();

    /// Before `start`.
    void set_endpoint(std::string type, Endpoint endpoint);
    /// Never fails: what goes wrong is an error of the API.
    Async<Result<HttpReply>> answer(HttpRequest request);

    /// A row as `caller` sees it, with `includes`; null when it does not.
    Async<Result<boost::json::value>> shown_to(Caller caller, std::string type, std::int64_t id,
                                               std::vector<std::string> includes, std::string base);

private:
    struct State;
    std::shared_ptr<State> state_;  // owners: this and requests under way
};

}  // namespace drover::rest
