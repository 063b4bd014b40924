#include <algorithm>

#include "allocator/allocator.hpp"
#include "logic/support.hpp"

namespace drover::cloud {

bool KindRule::allows(std::string_view kind) const {
    return std::all_of(tied.begin(), tied.end(), [&](const std::string& one) { return kind == one; }) &&
           std::none_of(other.begin(), other.end(), [&](const std::string& one) { return kind == one; });
}

std::vector<AnyOf> KindRule::conditions() const {
    std::vector<AnyOf> all;
    if (!tied.empty()) {
        // One kind is none of the others.
        for (const auto& kind : tied) all.push_back(is("kind", kind));
        return all;
    }
    for (const auto& kind : other)
        all.push_back({Condition{"kind", Op::ne, {Value(kind)}}, Condition{"kind", Op::is_null, {}}});
    return all;
}

Async<Result<KindRule>> kind_rule(ProcessRunPtr run, std::optional<std::int64_t> image) {
    KindRule rule;
    rule.other = to_words(run->setting("allocator.kinds"));
    if (!image || rule.other.empty()) co_return rule;
    Query query;
    query.type = "imageStoragePoolMap";
    query.where = {is("imageId", *image), is_null("removed")};
    query.include = {"storagePool"};
    query.limit = kLargestPage;
    auto maps = co_await run->query(std::move(query));
    if (!maps) co_return maps.error();
    std::set<std::string, std::less<>> kinds;
    for (const auto& row : maps->rows)
        if (row.included[0]) kinds.emplace((*row.included[0])["kind"].text());
    const auto split = std::stable_partition(rule.other.begin(), rule.other.end(),
                                             [&](const std::string& kind) { return !kinds.contains(kind); });
    rule.tied.assign(split, rule.other.end());
    rule.other.erase(split, rule.other.end());
    co_return rule;
}

Error no_placement(const ProcessRun& run, std::string_view why) {
    run.log().info("failed to find a placement",
                   {{"type", run.resource().type().name}, {"id", run.resource().id()}, {"why", why}});
    Event reply;
    reply.name = run.process().name + ".reply";
    reply.transitioning = Transitioning::error;
    reply.transitioning_message = "Failed to find a placement";
    return event_error(reply);
}

bool can_try_again(const Error& error) {
    return error.code() == Errc::conflict && error.detail("claim").empty() && !is_event_error(error);
}

}  // namespace drover::cloud
