#pragma once

#include <array>
#include <bitset>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core.hpp"

namespace drover::engine {

class Attempt;
using AttemptPtr = std::shared_ptr<Attempt>;  // owners: the dispatcher, its coroutine, the runs of it

/// Chooses which pending processes run here, and claims them.
///
/// Of each slot of this server a short piece of the queue is known here, by rank (priority, then age); the rest
/// stays in the store. So memory is bounded whatever is pending, and processes whose name is at its limit hold
/// up nobody else. Thread-safety: every method may be called from any thread.
class Dispatcher {
public:
    explicit Dispatcher(Core& core) : core_(core) {}

    /// Room for one more process under way, until it dies.
    class Place {
    public:
        Place() = default;
        Place(Dispatcher* from, std::string process) : from_(from), process_(std::move(process)) {}
        Place(Place&& other) noexcept
            : from_(std::exchange(other.from_, nullptr)), process_(std::move(other.process_)) {}
        Place& operator=(Place&& other) noexcept {
            std::swap(from_, other.from_);
            std::swap(process_, other.process_);
            return *this;
        }
        ~Place() { give_back(); }
        void give_back() {
            if (auto* from = std::exchange(from_, nullptr)) from->leave(process_);
        }

    private:
        Dispatcher* from_ = nullptr;
        std::string process_;
    };

    /// Room for a process that is about to be written down, so that it need not queue; none when others wait.
    std::optional<Place> reserve(const Claim& claim);
    /// Runs what was claimed already.
    void start(Claim claim, Place place);
    /// A pending row in one of this server's slots.
    void offer(const Claim& claim);
    /// There may be pending rows in this slot.
    void look(int slot);
    /// A row wants to be tried again at this time (milliseconds since 1970).
    void due_at(std::int64_t when);
    void members_changed();
    /// An attempt ended; its row is somebody else's affair now.
    void ended(const Attempt& attempt);
    /// What this process waited for is there now: it need not wait for its time.
    void nudge(std::int64_t process_id);
    /// Somebody waits for what this process's resource is locked by.
    void wait_for_resource(const std::string& lock, std::int64_t process_id);

    AttemptPtr attempt(std::int64_t process_id) const;
    std::vector<AttemptPtr> under_way() const;
    bool serving() const;
    ServeOptions options() const;
    /// Is the number of processes of this name that may run here reached?
    bool at_limit(const std::string& process) const;

    Async<Result<void>> serve(ServeOptions options);
    Async<Result<void>> stop(Deadline deadline);

    /// Loops, until they are cancelled.
    Async<void> run();
    Async<void> watch_deadlines();

    /// Reads everything again soon.
    void sweep_now();

private:
    struct Waiting {
        int rank = 0;
        Claim claim;
        bool whole = false;    // `claim` holds the row's data
        bool counted = false;  // in its slot's `buffered`
        bool operator<(const Waiting& other) const {
            return std::tie(rank, claim.id) < std::tie(other.rank, other.claim.id);
        }
    };
    struct Slot {
        bool complete = false;     // all that is pending in it is known here
        std::size_t buffered = 0;  // known here and waiting
    };
    struct Name {
        std::set<Waiting> waiting;
        std::size_t in_flight = 0;
        bool cut = false;  // some of it was left in the store because it is at its limit
    };

    void leave(const std::string& process);
    std::size_t limit_of(const std::string& process) const;
    bool has_room(const std::string& name, const Name& of) const;
    void add(Waiting waiting);
    void drop(Name& name, std::set<Waiting>::iterator at);
    void forget_waiting();
    std::vector<std::string> cut_names();
    std::vector<int> slots_to_read();
    std::vector<Waiting> take();
    void launch(Claim claim, Place place);

    Async<Result<void>> refill();
    Async<Result<void>> read_slot(int slot);
    Async<Result<void>> read_due();
    Async<Result<void>> read_nudged();
    static Waiting waiting_row(const Record& row, bool counted);
    Async<Result<void>> claim(std::vector<Waiting> batch);
    Async<Result<void>> sweep();
    Async<Result<void>> free_rows_of_the_dead();
    Async<Result<void>> free_own_unknown();
    Async<Result<void>> measure();

    Core& core_;
    Bell bell_;
    mutable std::mutex mutex_;
    ServeOptions options_;  // guarded by mutex_, as all below
    bool serving_ = false;
    std::bitset<kSlots> mine_;
    std::array<Slot, kSlots> slots_;
    std::map<std::string, Name, std::less<>> names_;
    std::unordered_set<std::int64_t> known_;  // waiting here, being claimed, or under way
    std::size_t waiting_ = 0;
    std::size_t in_flight_ = 0;
    std::unordered_map<std::int64_t, AttemptPtr> attempts_;
    std::unordered_multimap<std::string, std::int64_t> wait_for_;  // lock's name to processes that found it held
    std::vector<std::int64_t> nudged_;                             // processes whose resource is free now
    std::unordered_set<std::int64_t> nudge_when_ended_;
    std::int64_t next_due_ = INT64_MAX;
    TimePoint next_sweep_{};
    TimePoint next_measure_{};
    TimePoint next_own_{};
};

/// Commits all of these updates but those that the store refuses because another was first; which were done.
Async<Result<std::vector<bool>>> commit_most(Core& core, std::vector<Update> updates, Deadline deadline);

}  // namespace drover::engine
