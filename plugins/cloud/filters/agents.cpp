// An agent without a URI is given one by where the request came from.
#include <netdb.h>
#include <sys/socket.h>

#include <cstring>

#include "drover/blocking.hpp"
#include "drover/engine/engine.hpp"
#include "drover/services/store.hpp"
#include "filters/filters.hpp"
#include "logic/support.hpp"

namespace drover::cloud {
namespace {

constexpr auto kLookUp = 3s;

/// The name of an address; the address itself when it has none. Blocks.
Result<std::string> name_of(const std::string& address) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    addrinfo* found = nullptr;
    if (getaddrinfo(address.c_str(), nullptr, &hints, &found) != 0) return address;
    char name[NI_MAXHOST] = {};
    const int failed = getnameinfo(found->ai_addr, found->ai_addrlen, name, sizeof name, nullptr, 0, NI_NAMEREQD);
    freeaddrinfo(found);
    return failed ? address : std::string(name);
}

/// Puts the words in the places of the first "%s" of `pattern`, one after the other.
std::string fill_in(std::string pattern, const std::vector<std::string>& words) {
    std::size_t from = 0;
    for (const auto& word : words) {
        const auto at = pattern.find("%s", from);
        if (at == std::string::npos) break;
        pattern.replace(at, 2, word);
        from = at + word.size();
    }
    return pattern;
}

Async<Result<json::object>> assign_uri(CloudPtr cloud, CreateRequest request) {
    auto values = std::move(request.values);
    auto& engine = *request.hands.engine;
    // Without an account it gets one of its own.
    if (!values.contains("accountId") || !request.all_accounts) values["accountId"] = nullptr;
    const auto* given = values.if_contains("uri");
    const bool has_uri = given && given->is_string() && !given->as_string().empty();
    if (has_uri || !is_on(engine.setting("agent.filter.assign.uri"), true)) co_return values;

    auto host = request.client_ip;
    if (is_on(engine.setting("agent.filter.default.uri.reverse.dns"), true)) {
        const auto work = [address = request.client_ip] { return name_of(address); };
        auto looking = blocking(*cloud->pool, cloud->clock, Deadline::in(cloud->clock, kLookUp), work);
        auto name = co_await std::move(looking);
        if (name) host = std::move(*name);
    }
    std::string user = engine.setting("agent.filter.default.user");
    if (const auto* named = values.if_contains("user"); named && named->is_string()) user = named->as_string();
    auto pattern = engine.setting("agent.filter.default.uri");
    if (pattern.empty()) pattern = "ssh://%s@%s:22";
    const auto uri = fill_in(std::move(pattern), {user.empty() ? "root" : user, host});

    Query query;
    query.type = "agent";
    query.where = {is("uri", uri), is_null("removed")};
    query.limit = 1;
    auto asking = request.hands.store->query(std::move(query), Consistency::primary(), Deadline::in(cloud->clock, 15s));
    auto page = co_await std::move(asking);
    if (!page) co_return page.error();
    if (!page->rows.empty()) co_return refused("NotUnique", "uri", "another agent has the URI " + uri);
    values["uri"] = uri;
    co_return values;
}

}  // namespace

CreateFilter agent_filter(CloudPtr cloud) {
    CreateFilter filter;
    filter.types = {"agent"};
    filter.call = [cloud](CreateRequest request) { return assign_uri(cloud, std::move(request)); };
    return filter;
}

}  // namespace drover::cloud
