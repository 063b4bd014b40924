#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <vector>

namespace drover::cloud {

/// The placements of this server that are being written at this moment: what hosts will have free once they are.
///
/// A placement expects the host's computeFree to be what it saw, so two that overlap on one host would make one
/// of them try again. With the ledger the second one expects what the first one writes: they follow each other
/// through the store's queue without a lock. Correct without it; it only saves conflicts.
/// Thread-safety: every method may be called from any thread.
class Ledger {
public:
    /// A host that could take the machine, as its row says.
    struct Offer {
        std::int64_t host = 0;
        std::optional<std::int64_t> free;  ///< none: without limit
    };

    /// What one write is about to change; over when it dies.
    class Entry {
    public:
        Entry() = default;
        Entry(Ledger* ledger, std::size_t offer, std::int64_t host_id, std::optional<std::int64_t> seen,
              std::int64_t after)
            : index(offer), host(host_id), expected(seen), next(after), ledger_(ledger) {}
        Entry(Entry&& other) noexcept;
        Entry& operator=(Entry&& other) noexcept;
        ~Entry();
        /// The write was refused: what was foreseen is wrong.
        void failed();

        std::size_t index = 0;  ///< of the offer that was chosen
        std::int64_t host = 0;
        std::optional<std::int64_t> expected;  ///< computeFree before; none: without limit, nothing to write
        std::int64_t next = 0;                 ///< computeFree after

    private:
        Ledger* ledger_ = nullptr;
    };

    /// Chooses among `offers` those with at least `needed` free: the one with most (`spread`) or with least, one of
    /// them at random where several are equal. Hosts without limit come last. None when none fits.
    std::optional<Entry> reserve(const std::vector<Offer>& offers, std::int64_t needed, bool spread);
    /// Gives `amount` back to one host.
    Entry release(Offer host, std::int64_t amount);

    /// Hosts with a write under way.
    std::size_t size() const;

private:
    struct Foreseen {
        std::int64_t next = 0;
        std::size_t writes = 0;
        bool wrong = false;
    };
    std::int64_t free_of(const Offer& offer) const;
    void foresee(std::int64_t host, std::int64_t next);
    void end(std::int64_t host);
    void mark_wrong(std::int64_t host);

    mutable std::mutex mutex_;
    std::map<std::int64_t, Foreseen> hosts_;           // guarded by mutex_
    std::minstd_rand random_{std::random_device{}()};  // guarded by mutex_
};

}  // namespace drover::cloud
