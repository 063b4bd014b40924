#include "roster.hpp"

#include "dispatch.hpp"

namespace drover::engine {
namespace {

/// A label that says: this member executes processes.
constexpr const char* kExecutes = "executes-processes";

std::uint64_t weight(std::string_view server, int slot) {
    std::uint64_t hash = 14695981039346656037ull + static_cast<std::uint64_t>(slot) * 0x9E3779B97F4A7C15ull;
    for (const char c : server) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
    // Without a last mixing, servers whose names differ at the end only would get uneven shares.
    hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9ull;
    hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBull;
    return hash ^ (hash >> 31);
}

}  // namespace

std::string Roster::owner(int slot) const {
    const std::lock_guard lock(mutex_);
    return owners_.empty() ? std::string() : owners_[static_cast<std::size_t>(slot)];
}

std::bitset<kSlots> Roster::mine() const {
    const std::lock_guard lock(mutex_);
    std::bitset<kSlots> slots;
    for (std::size_t slot = 0; slot < owners_.size(); ++slot) slots[slot] = owners_[slot] == core_.server;
    return slots;
}

std::set<std::string> Roster::live() const {
    const std::lock_guard lock(mutex_);
    return live_;
}

bool Roster::known() const {
    const std::lock_guard lock(mutex_);
    return known_;
}

Async<Result<void>> Roster::join() {
    constexpr auto kWithin = std::chrono::seconds(10);
    bool serving = false;
    {
        const std::lock_guard lock(mutex_);
        serving = serving_;
    }
    // Another plugin of this server may have joined with labels of its own: they are kept.
    auto members = co_await core_.membership.members(Deadline::in(core_.clock, kWithin));
    if (!members) co_return members.error();
    Member self;
    self.id = core_.server;
    for (const auto& member : members->list)
        if (member.id == core_.server) self.labels = member.labels;
    self.labels["name"] = core_.context.server().name;
    self.labels["profile"] = core_.context.server().profile;
    if (serving) self.labels[kExecutes] = "yes";
    else self.labels.erase(kExecutes);
    auto joining = core_.membership.join(std::move(self), Deadline::in(core_.clock, kWithin));
    auto joined = co_await std::move(joining);
    if (!joined) co_return joined.error();
    {
        const std::lock_guard lock(mutex_);
        session_ = *joined;
    }
    auto now = co_await core_.membership.members(Deadline::in(core_.clock, kWithin));
    if (!now) co_return now.error();
    take(*now);
    co_return ok;
}

Async<Result<void>> Roster::serve(bool serving) {
    {
        const std::lock_guard lock(mutex_);
        serving_ = serving;
    }
    auto joining = join();
    co_return co_await std::move(joining);
}

bool Roster::must_join(const Members& members) const {
    const std::lock_guard lock(mutex_);
    if (!serving_) return false;
    if (!session_ || session_->lost()) return true;
    for (const auto& member : members.list)
        if (member.id == core_.server) return !member.labels.contains(kExecutes);
    return true;
}

void Roster::take(const Members& members) {
    bool changed = false;
    {
        const std::lock_guard lock(mutex_);
        std::set<std::string> live;
        std::vector<std::string> execute;
        for (const auto& member : members.list) {
            live.insert(member.id);
            if (member.labels.contains(kExecutes)) execute.push_back(member.id);
        }
        changed = !known_ || execute != execute_ || live != live_;
        known_ = true;
        live_ = std::move(live);
        execute_ = std::move(execute);
        owners_.clear();
        if (!execute_.empty())
            for (int slot = 0; slot < kSlots; ++slot)
                owners_.push_back(
                    *std::max_element(execute_.begin(), execute_.end(),
                                      [&](const auto& a, const auto& b) { return weight(a, slot) < weight(b, slot); }));
    }
    if (changed) core_.dispatcher->members_changed();
}

Async<void> Roster::run() {
    constexpr auto kLook = std::chrono::seconds(2);
    constexpr auto kAgain = std::chrono::milliseconds(300);
    for (;;) {
        auto watch = co_await core_.membership.watch();
        if (!watch) {
            if (watch.error().code() == Errc::cancelled) co_return;
            const auto slept = co_await sleep_for(core_.clock, kAgain);
            if (!slept) co_return;
            continue;
        }
        Members newest;
        for (;;) {
            auto members = co_await watch->next(core_.clock, Deadline::in(core_.clock, kLook));
            if (!members && members.error().code() == Errc::cancelled) co_return;
            if (!members && members.error().code() != Errc::timeout) break;
            if (members) {
                newest = std::move(*members);
                take(newest);
            }
            if (!must_join(newest)) continue;
            const auto joined = co_await join();
            if (!joined && joined.error().code() == Errc::cancelled) co_return;
            if (!joined)
                core_.log.warning("this server could not join the others; its processes wait for another",
                                  {{"error", joined.error().message()}});
            else break;  // watch anew: what was seen is older than what was joined
        }
        const auto slept = co_await sleep_for(core_.clock, kAgain);
        if (!slept) co_return;
    }
}

}  // namespace drover::engine
