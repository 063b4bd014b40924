#include "allocator/ledger.hpp"

#include <limits>
#include <utility>

namespace drover::cloud {

Ledger::Entry::Entry(Entry&& other) noexcept
    : index(other.index),
      host(other.host),
      expected(other.expected),
      next(other.next),
      ledger_(std::exchange(other.ledger_, nullptr)) {}

Ledger::Entry& Ledger::Entry::operator=(Entry&& other) noexcept {
    if (this == &other) return *this;
    if (ledger_) ledger_->end(host);
    index = other.index;
    host = other.host;
    expected = other.expected;
    next = other.next;
    ledger_ = std::exchange(other.ledger_, nullptr);
    return *this;
}

Ledger::Entry::~Entry() {
    if (ledger_) ledger_->end(host);
}

void Ledger::Entry::failed() {
    if (ledger_) ledger_->mark_wrong(host);
}

std::optional<Ledger::Entry> Ledger::reserve(const std::vector<Offer>& offers, std::int64_t needed, bool spread) {
    const std::lock_guard lock(mutex_);
    std::optional<std::size_t> best;
    std::int64_t best_free = 0;
    std::size_t equals = 0;
    std::optional<std::size_t> unlimited;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        if (!offers[i].free) {
            if (!unlimited) unlimited = i;
            continue;
        }
        const auto free = free_of(offers[i]);
        if (free < needed) continue;
        if (best && free == best_free) {
            // Each of the equals is kept with the same chance.
            if (random_() % ++equals == 0) best = i;
            continue;
        }
        if (best && (spread ? free < best_free : free > best_free)) continue;
        best = i;
        best_free = free;
        equals = 1;
    }
    if (!best) {
        if (!unlimited) return std::nullopt;
        return Entry(nullptr, *unlimited, offers[*unlimited].host, std::nullopt, 0);
    }
    const auto host = offers[*best].host;
    foresee(host, best_free - needed);
    return Entry(this, *best, host, best_free, best_free - needed);
}

Ledger::Entry Ledger::release(Offer host, std::int64_t amount) {
    if (!host.free) return Entry(nullptr, 0, host.host, std::nullopt, 0);
    const std::lock_guard lock(mutex_);
    const auto free = free_of(host);
    std::int64_t after = 0;
    if (__builtin_add_overflow(free, amount, &after)) after = std::numeric_limits<std::int64_t>::max();
    foresee(host.host, after);
    return Entry(this, 0, host.host, free, after);
}

std::size_t Ledger::size() const {
    const std::lock_guard lock(mutex_);
    return hosts_.size();
}

std::int64_t Ledger::free_of(const Offer& offer) const {
    const auto found = hosts_.find(offer.host);
    return found == hosts_.end() || found->second.wrong ? *offer.free : found->second.next;
}

void Ledger::foresee(std::int64_t host, std::int64_t next) {
    auto& foreseen = hosts_[host];
    foreseen.next = next;
    foreseen.wrong = false;
    ++foreseen.writes;
}

void Ledger::end(std::int64_t host) {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(host);
    if (found != hosts_.end() && --found->second.writes == 0) hosts_.erase(found);
}

void Ledger::mark_wrong(std::int64_t host) {
    const std::lock_guard lock(mutex_);
    const auto found = hosts_.find(host);
    if (found != hosts_.end()) found->second.wrong = true;
}

}  // namespace drover::cloud
