#include "command_ledger.hpp"

#include <algorithm>
#include <charconv>

namespace drover::rest {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view kAgent = ";agent=";
/// The bus and the agent's way back take time of their own.
constexpr auto kSlack = 5s;
constexpr std::chrono::milliseconds kDefaultTimeout = 15s;
constexpr std::chrono::milliseconds kLongestTimeout = 1h;

}  // namespace

std::optional<std::int64_t> agent_of_event(std::string_view name) {
    const auto qualifiers = name.substr(base_name(name).size());
    if (!qualifiers.starts_with(kAgent)) return std::nullopt;
    const auto digits = qualifiers.substr(kAgent.size());
    std::int64_t id = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), id);
    if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || id <= 0) return std::nullopt;
    if (std::to_string(id) != digits) return std::nullopt;  // "05" is nobody's
    return id;
}

void CommandLedger::sent(const Event& command, TimePoint now) {
    const auto agent = agent_of_event(command.name);
    if (!agent || command.id.empty() || !command.reply_to.starts_with("reply.")) return;
    const auto timeout = std::clamp(std::chrono::milliseconds(command.timeout_millis.value_or(kDefaultTimeout.count())),
                                    std::chrono::milliseconds(1), kLongestTimeout);
    const std::lock_guard lock(mutex_);
    expire(now);
    auto& entries = entries_[command.id];
    auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& one) { return one.agent == *agent; });
    if (found == entries.end()) found = entries.insert(entries.end(), Entry{*agent, {}, {}, false});
    else expiry_.erase({found->until, {command.id, *agent}});
    found->reply_to = command.reply_to;
    found->until = now + timeout + kSlack;
    found->answered = false;
    expiry_.insert({found->until, {command.id, *agent}});
    while (expiry_.size() > most_) {
        const auto oldest = expiry_.begin()->second;
        erase(oldest.first, oldest.second);
        expiry_.erase(expiry_.begin());
    }
}

CommandLedger::Verdict CommandLedger::answer(const Event& reply, const std::vector<std::int64_t>& agents,
                                             TimePoint now) {
    if (reply.previous_ids.empty()) return Verdict::unknown;
    const std::lock_guard lock(mutex_);
    expire(now);
    const auto known = entries_.find(reply.previous_ids.front());
    if (known == entries_.end()) return Verdict::unknown;
    for (auto& entry : known->second) {
        if (std::find(agents.begin(), agents.end(), entry.agent) == agents.end()) continue;
        if (reply.name != entry.reply_to) return Verdict::misnamed;
        if (entry.answered) return Verdict::duplicate;
        entry.answered = reply.transitioning != Transitioning::yes;
        return Verdict::open;
    }
    return Verdict::foreign;
}

std::size_t CommandLedger::size() const {
    const std::lock_guard lock(mutex_);
    return expiry_.size();
}

void CommandLedger::expire(TimePoint now) {
    while (!expiry_.empty() && expiry_.begin()->first <= now) {
        const auto [id, agent] = expiry_.begin()->second;
        erase(id, agent);
        expiry_.erase(expiry_.begin());
    }
}

void CommandLedger::erase(const std::string& id, std::int64_t agent) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    std::erase_if(found->second, [&](const Entry& one) { return one.agent == agent; });
    if (found->second.empty()) entries_.erase(found);
}

std::string_view to_string(CommandLedger::Verdict verdict) {
    switch (verdict) {
        case CommandLedger::Verdict::open: return "open";
        case CommandLedger::Verdict::duplicate: return "duplicate";
        case CommandLedger::Verdict::foreign: return "foreign";
        case CommandLedger::Verdict::unknown: return "unknown";
        case CommandLedger::Verdict::misnamed: return "misnamed";
    }
    return "unknown";
}

}  // namespace drover::rest
