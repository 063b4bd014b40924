#include "agent_accounts.hpp"

namespace drover::rest {

namespace {

using namespace std::chrono_literals;

constexpr auto kRememberFor = 5s;
constexpr auto kReadWithin = 5s;
constexpr std::size_t kMostKnown = 50'000;
constexpr std::size_t kMostAgents = 100;  // of one account; Drover makes one account for each agent

}  // namespace

Async<Result<std::vector<std::int64_t>>> AgentAccounts::agents_of(std::int64_t account, bool fresh) {
    if (!fresh) {
        const std::lock_guard lock(mutex_);
        if (const auto found = known_.find(account); found != known_.end() && found->second.until > clock_.now())
            co_return found->second.agents;
    }
    Query query;
    query.type = "agent";
    query.where.push_back({Condition{"accountId", Op::eq, {Value(account)}}});
    query.where.push_back({Condition{"removed", Op::is_null, {}}});
    query.sort.push_back({"id", false});
    query.limit = kMostAgents;
    auto reading = store_.query(std::move(query), Consistency::primary(), Deadline::in(clock_, kReadWithin));
    const auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    std::vector<std::int64_t> agents;
    for (const auto& row : page->rows) agents.push_back(row.record.id());
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kMostKnown) known_.clear();
    known_[account] = {agents, clock_.now() + kRememberFor};
    co_return agents;
}

Async<Result<bool>> AgentAccounts::is_active(std::int64_t account) {
    auto reading = store_.get("account", account, Consistency::primary(), Deadline::in(clock_, kReadWithin));
    const auto row = co_await std::move(reading);
    if (!row && row.error().code() == Errc::not_found) co_return false;
    if (!row) co_return row.error();
    co_return (*row)["state"].text() == "active";
}

}  // namespace drover::rest
