#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "drover/clock.hpp"
#include "drover/event.hpp"

namespace drover::rest {

/// "ping;agent=5" is for agent 5; none when the qualifiers are anything else.
std::optional<std::int64_t> agent_of_event(std::string_view name);

/// Which commands were sent to which agent and may still be answered. Every server follows all of them on the bus,
/// so an agent may answer wherever it likes. Bounded; what falls out is refused, and its sender tries again.
/// Thread-safety: every method may be called from any thread.
class CommandLedger {
public:
    explicit CommandLedger(std::size_t most = 200'000) : most_(most) {}

    /// A command was sent, or sent again. Events without reply address or agent are not commands.
    void sent(const Event& command, TimePoint now);

    enum class Verdict : unsigned char {
        open,       ///< it may go on
        duplicate,  ///< this agent has answered already
        foreign,    ///< sent to other agents only
        unknown,    ///< never sent, or no longer open
        misnamed,   ///< not the address that the command gave
    };
    /// May one of `agents` send this reply? A last reply (not progress) closes the command.
    Verdict answer(const Event& reply, const std::vector<std::int64_t>& agents, TimePoint now);
    std::size_t size() const;

private:
    struct Entry {
        std::int64_t agent = 0;
        std::string reply_to;
        TimePoint until;
        bool answered = false;
    };
    void expire(TimePoint now);
    void erase(const std::string& id, std::int64_t agent);

    const std::size_t most_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, std::vector<Entry>> entries_;                  // guarded by mutex_; by command id
    std::set<std::pair<TimePoint, std::pair<std::string, std::int64_t>>> expiry_;  // guarded by mutex_
};

std::string_view to_string(CommandLedger::Verdict verdict);

}  // namespace drover::rest
