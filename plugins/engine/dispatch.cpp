#include "dispatch.hpp"

#include "agents.hpp"
#include "attempt.hpp"
#include "roster.hpp"

namespace drover::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPiece = 32;            // rows of a slot known here
constexpr std::size_t kMostWaiting = 32'768;  // rows of all slots and names known here
constexpr std::size_t kMostOfOneName = 512;   // that wait while their name is at its limit
constexpr std::size_t kMostClaimed = 256;     // in one commit
constexpr std::size_t kMostDue = 256;         // rows read at once because their time has come
constexpr std::size_t kLargestKept = 1'024;   // bytes of launch data kept while a row waits here
constexpr auto kSweepEvery = 3s;
constexpr auto kAgain = 200ms;

}  // namespace

std::size_t Dispatcher::limit_of(const std::string& process) const {
    const auto found = options_.per_process.find(process);
    return found == options_.per_process.end() ? options_.in_flight : found->second;
}

bool Dispatcher::has_room(const std::string& name, const Name& of) const { return of.in_flight < limit_of(name); }

std::optional<Dispatcher::Place> Dispatcher::reserve(const Claim& claim) {
    const std::lock_guard lock(mutex_);
    // What waits already goes first.
    if (!serving_ || waiting_ > 0 || in_flight_ >= options_.in_flight) return std::nullopt;
    const auto slot = static_cast<std::size_t>(claim.slot);
    if (!mine_[slot] || !slots_[slot].complete) return std::nullopt;
    auto& name = names_[claim.process];
    if (!has_room(claim.process, name)) return std::nullopt;
    ++name.in_flight;
    ++in_flight_;
    return Place(this, claim.process);
}

void Dispatcher::leave(const std::string& process) {
    const std::lock_guard lock(mutex_);
    auto& name = names_[process];
    const bool was_full = !has_room(process, name) || in_flight_ >= options_.in_flight;
    --name.in_flight;
    --in_flight_;
    // Those that were left in the store for it are looked for again.
    if (name.cut && name.waiting.size() < kMostOfOneName / 2) {
        name.cut = false;
        for (auto& slot : slots_) slot.complete = false;
        next_due_ = 0;
        bell_.ring();
    }
    if (was_full || waiting_ > 0) bell_.ring();
}

void Dispatcher::launch(Claim claim, Place place) {
    const auto id = claim.id;
    auto attempt = std::make_shared<Attempt>(core_, std::move(claim), std::move(place));
    {
        const std::lock_guard lock(mutex_);
        known_.insert(id);
        attempts_[id] = attempt;
    }
    const bool begun = core_.attempts.spawn("engine.process", [attempt](TaskHandle handle) -> Async<void> {
        attempt->set_handle(std::move(handle));
        auto running = attempt->run();
        co_await std::move(running);
    });
    if (!begun) ended(*attempt);
}

void Dispatcher::start(Claim claim, Place place) { launch(std::move(claim), std::move(place)); }

void Dispatcher::ended(const Attempt& attempt) {
    const std::lock_guard lock(mutex_);
    attempts_.erase(attempt.claim().id);
    known_.erase(attempt.claim().id);
    if (nudge_when_ended_.erase(attempt.claim().id) > 0) {
        nudged_.push_back(attempt.claim().id);
        bell_.ring();
    }
    if (wait_for_.empty()) return;
    // Who found the resource locked by this process is tried at once.
    const auto resource = attempt.claim().type + "." + std::to_string(attempt.claim().resource);
    const auto [first, last] = wait_for_.equal_range(resource);
    if (first == last) return;
    for (auto at = first; at != last; ++at) nudged_.push_back(at->second);
    wait_for_.erase(first, last);
    bell_.ring();
}

void Dispatcher::nudge(std::int64_t process_id) {
    const std::lock_guard lock(mutex_);
    if (!serving_ || nudged_.size() >= kMostWaiting) return;
    // It may still be about to write down that it waits.
    if (attempts_.contains(process_id)) {
        nudge_when_ended_.insert(process_id);
        return;
    }
    nudged_.push_back(process_id);
    bell_.ring();
}

void Dispatcher::wait_for_resource(const std::string& lock_name, std::int64_t process_id) {
    const std::lock_guard lock(mutex_);
    if (wait_for_.size() < kMostWaiting) wait_for_.emplace(lock_name, process_id);
}

void Dispatcher::add(Waiting waiting) {
    const auto id = waiting.claim.id;
    if (!known_.insert(id).second) return;
    const auto slot = static_cast<std::size_t>(waiting.claim.slot);
    if (waiting.counted) ++slots_[slot].buffered;
    auto& name = names_[waiting.claim.process];
    name.waiting.insert(std::move(waiting));
    ++waiting_;
    const bool too_many = waiting_ > kMostWaiting || (name.waiting.size() > kMostOfOneName && name.in_flight > 0);
    if (!too_many) return;
    // The last of them stays in the store until it is its turn.
    const auto last = std::prev(name.waiting.end());
    slots_[static_cast<std::size_t>(last->claim.slot)].complete = false;
    name.cut = true;
    known_.erase(last->claim.id);
    drop(name, last);
}

void Dispatcher::drop(Name& name, std::set<Waiting>::iterator at) {
    if (at->counted) --slots_[static_cast<std::size_t>(at->claim.slot)].buffered;
    name.waiting.erase(at);
    --waiting_;
}

void Dispatcher::forget_waiting() {
    for (auto& [text, name] : names_) {
        for (const auto& waiting : name.waiting) known_.erase(waiting.claim.id);
        name.waiting.clear();
        name.cut = false;
    }
    waiting_ = 0;
    for (auto& slot : slots_) slot = {};
}

void Dispatcher::offer(const Claim& claim) {
    Waiting waiting;
    waiting.rank = -claim.priority;
    waiting.claim = claim;
    waiting.counted = true;
    waiting.whole = true;
    if (!claim.data.empty() && to_text(claim.data).size() > kLargestKept) {
        waiting.claim.data.clear();
        waiting.whole = false;
    }
    const std::lock_guard lock(mutex_);
    if (!serving_ || !mine_[static_cast<std::size_t>(claim.slot)]) return;
    add(std::move(waiting));
    bell_.ring();
}

void Dispatcher::look(int slot) {
    if (slot < 0 || slot >= kSlots) return;
    const std::lock_guard lock(mutex_);
    slots_[static_cast<std::size_t>(slot)].complete = false;
    bell_.ring();
}

void Dispatcher::due_at(std::int64_t when) {
    const std::lock_guard lock(mutex_);
    if (when >= next_due_) return;
    next_due_ = when;
    bell_.ring();
}

void Dispatcher::members_changed() {
    const auto mine = core_.roster->mine();
    const std::lock_guard lock(mutex_);
    if (mine != mine_) {
        mine_ = mine;
        forget_waiting();
    }
    next_sweep_ = {};
    bell_.ring();
}

void Dispatcher::sweep_now() {
    const std::lock_guard lock(mutex_);
    next_sweep_ = {};
    bell_.ring();
}

AttemptPtr Dispatcher::attempt(std::int64_t process_id) const {
    const std::lock_guard lock(mutex_);
    const auto found = attempts_.find(process_id);
    return found == attempts_.end() ? nullptr : found->second;
}

std::vector<AttemptPtr> Dispatcher::under_way() const {
    const std::lock_guard lock(mutex_);
    std::vector<AttemptPtr> all;
    all.reserve(attempts_.size());
    for (const auto& [id, attempt] : attempts_) all.push_back(attempt);
    return all;
}

bool Dispatcher::serving() const {
    const std::lock_guard lock(mutex_);
    return serving_;
}

ServeOptions Dispatcher::options() const {
    const std::lock_guard lock(mutex_);
    return options_;
}

bool Dispatcher::at_limit(const std::string& process) const {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(process);
    return in_flight_ >= options_.in_flight || (found != names_.end() && !has_room(process, found->second));
}

Async<Result<void>> Dispatcher::serve(ServeOptions options) {
    {
        const std::lock_guard lock(mutex_);
        options_ = std::move(options);
        serving_ = true;
    }
    auto telling = core_.roster->serve(true);
    auto told = co_await std::move(telling);
    if (!told) co_return told.error();
    members_changed();
    co_return ok;
}

Async<Result<void>> Dispatcher::stop(Deadline deadline) {
    {
        const std::lock_guard lock(mutex_);
        if (!serving_) co_return ok;
        serving_ = false;
        forget_waiting();
    }
    auto telling = core_.roster->serve(false);
    const auto told = co_await std::move(telling);
    if (!told)
        core_.log.warning("the others were not told that this server stops", {{"error", told.error().message()}});
    // What runs may end; whatever does not, others take over. That takes a moment, too.
    const auto whole = deadline.left(core_.clock);
    const auto patience = Deadline::in(core_.clock, whole - std::min<Duration>(whole / 2, 5s));
    while (!under_way().empty() && !patience.passed(core_.clock)) {
        const auto slept = co_await sleep_for(core_.clock, 10ms);
        if (!slept) co_return slept.error();
    }
    std::vector<AttemptPtr> taken;
    std::vector<Update> updates;
    for (const auto& attempt : under_way())
        if (auto update = attempt->hand_back()) {
            taken.push_back(attempt);
            updates.push_back(std::move(*update));
        }
    for (std::size_t done = 0; done < updates.size(); done += kMostClaimed) {
        std::vector<Update> some(
            updates.begin() + static_cast<std::ptrdiff_t>(done),
            updates.begin() + static_cast<std::ptrdiff_t>(std::min(done + kMostClaimed, updates.size())));
        auto handing = commit_most(core_, std::move(some), core_.soon());
        const auto handed = co_await std::move(handing);
        if (!handed)
            core_.log.warning("processes could not be handed back; others find them when this server is gone",
                              {{"error", handed.error().message()}});
    }
    for (const auto& attempt : taken) attempt->handed_back();
    co_return ok;
}

/// Names of which so many wait here while they are at their limit that no more are read.
std::vector<std::string> Dispatcher::cut_names() {
    std::vector<std::string> cut;
    for (auto& [text, name] : names_) {
        if (has_room(text, name) || name.waiting.size() < kMostOfOneName / 2) continue;
        name.cut = true;
        cut.push_back(text);
    }
    return cut;
}

std::vector<int> Dispatcher::slots_to_read() {
    std::vector<int> slots;
    if (!serving_ || in_flight_ >= options_.in_flight || waiting_ >= kMostWaiting) return slots;
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
        if (mine_[slot] && !slots_[slot].complete && slots_[slot].buffered < kPiece / 4)
            slots.push_back(static_cast<int>(slot));
    return slots;
}

Async<Result<void>> Dispatcher::refill() {
    std::vector<int> slots;
    {
        const std::lock_guard lock(mutex_);
        slots = slots_to_read();
    }
    for (const auto slot : slots) {
        auto reading = read_slot(slot);
        auto read = co_await std::move(reading);
        if (!read) co_return read.error();
    }
    co_return ok;
}

Async<Result<void>> Dispatcher::read_slot(int slot) {
    Query query;
    query.type = "processInstance";
    query.where.push_back({{"queue", Op::eq, {Value(slot)}}});
    query.sort = {{"rank", false}};
    std::vector<std::string> cut;
    {
        const std::lock_guard lock(mutex_);
        cut = cut_names();
        auto& here = slots_[static_cast<std::size_t>(slot)];
        query.limit = kPiece + here.buffered;
        // What is written from now on is found by who writes it: told here, or read again.
        here.complete = true;
    }
    for (const auto& name : cut) query.where.push_back({{"processName", Op::ne, {Value(name)}}});
    auto reading = core_.query(std::move(query), core_.soon());
    auto page = co_await std::move(reading);
    const std::lock_guard lock(mutex_);
    auto& here = slots_[static_cast<std::size_t>(slot)];
    if (!page) {
        here.complete = false;
        co_return page.error();
    }
    if (page->more) here.complete = false;
    if (!serving_ || !mine_[static_cast<std::size_t>(slot)]) co_return ok;
    for (const auto& row : page->rows) add(waiting_row(row.record, true));
    co_return ok;
}

Async<Result<void>> Dispatcher::read_due() {
    Query query;
    query.type = "processInstance";
    query.where.push_back({{"nextRunTime", Op::lte, {Value(core_.now())}}});
    query.sort = {{"nextRunTime", false}};
    query.limit = kMostDue;
    std::vector<std::string> cut;
    {
        const std::lock_guard lock(mutex_);
        next_due_ = INT64_MAX;
        if (!serving_ || waiting_ >= kMostWaiting) {
            next_due_ = core_.now() + 500;
            co_return ok;
        }
        cut = cut_names();
        if (!mine_.all()) {
            Condition ours;
            ours.field = "slot";
            ours.op = Op::in;
            for (int slot = 0; slot < kSlots; ++slot)
                if (mine_[static_cast<std::size_t>(slot)]) ours.values.emplace_back(slot);
            query.where.push_back({std::move(ours)});
        }
    }
    for (const auto& name : cut) query.where.push_back({{"processName", Op::ne, {Value(name)}}});
    auto reading = core_.query(std::move(query), core_.soon());
    auto page = co_await std::move(reading);
    if (!page) {
        due_at(core_.now() + 500);
        co_return page.error();
    }
    const std::lock_guard lock(mutex_);
    std::size_t fresh = 0;
    for (const auto& row : page->rows) {
        fresh += known_.contains(row.record.id()) ? 0 : 1;
        add(waiting_row(row.record, false));
    }
    if (page->more) next_due_ = std::min(next_due_, core_.now() + (fresh > 0 ? 0 : 500));
    co_return ok;
}

Async<Result<void>> Dispatcher::read_nudged() {
    Condition these;
    these.field = "id";
    these.op = Op::in;
    {
        const std::lock_guard lock(mutex_);
        if (nudged_.empty()) co_return ok;
        // As many as a query may name; the rest in the next round.
        const auto count = std::min<std::size_t>(nudged_.size(), 1'000);
        for (std::size_t i = 0; i < count; ++i) these.values.emplace_back(nudged_[i]);
        nudged_.erase(nudged_.begin(), nudged_.begin() + static_cast<std::ptrdiff_t>(count));
        if (!nudged_.empty()) bell_.ring();
    }
    Query query;
    query.type = "processInstance";
    query.limit = kLargestPage;
    query.where.push_back({std::move(these)});
    auto reading = core_.query(std::move(query), core_.soon());
    auto page = co_await std::move(reading);
    if (!page) co_return page.error();
    const std::lock_guard lock(mutex_);
    for (const auto& row : page->rows) {
        if (!row.record["endTime"].is_null() || row.record["parked"].boolean() ||
            !row.record["runningProcessServerId"].is_null())
            continue;
        if (serving_) add(waiting_row(row.record, false));
    }
    co_return ok;
}

Dispatcher::Waiting Dispatcher::waiting_row(const Record& row, bool counted) {
    Waiting waiting;
    waiting.claim = claim_of(row);
    waiting.rank = static_cast<int>(row["rank"].integer());
    waiting.counted = counted;
    waiting.whole = row["data"].text().size() <= kLargestKept;
    if (!waiting.whole) waiting.claim.data.clear();
    return waiting;
}

std::vector<Dispatcher::Waiting> Dispatcher::take() {
    std::vector<Waiting> batch;
    while (serving_ && batch.size() < kMostClaimed && in_flight_ < options_.in_flight) {
        Name* best = nullptr;
        for (auto& [text, name] : names_) {
            if (name.waiting.empty() || !has_room(text, name)) continue;
            if (!best || *name.waiting.begin() < *best->waiting.begin()) best = &name;
        }
        if (!best) break;
        batch.push_back(*best->waiting.begin());
        ++best->in_flight;
        ++in_flight_;
        drop(*best, best->waiting.begin());
    }
    return batch;
}

Async<Result<void>> Dispatcher::claim(std::vector<Waiting> batch) {
    std::vector<Place> places;
    std::vector<Update> updates;
    for (const auto& waiting : batch) {
        places.emplace_back(this, waiting.claim.process);
        Update update;
        update.type = "processInstance";
        update.id = waiting.claim.id;
        update.values = {{"epoch", waiting.claim.epoch + 1},
                         {"runningProcessServerId", core_.server},
                         {"queue", Value()},
                         {"nextRunTime", Value()}};
        update.expect = {{"epoch", Value(waiting.claim.epoch)},
                         {"runningProcessServerId", Value()},
                         {"endTime", Value()},
                         {"parked", Value(false)}};
        updates.push_back(std::move(update));
    }
    auto claiming = commit_most(core_, std::move(updates), core_.soon());
    auto claimed = co_await std::move(claiming);
    std::vector<std::int64_t> unread;
    for (std::size_t i = 0; i < batch.size(); ++i)
        if (claimed && (*claimed)[i] && !batch[i].whole) unread.push_back(batch[i].claim.id);
    if (!claimed) {
        // Whether it happened may be unknown: what is claimed and does not run is found by the sweep.
        const std::lock_guard lock(mutex_);
        for (const auto& waiting : batch) {
            known_.erase(waiting.claim.id);
            slots_[static_cast<std::size_t>(waiting.claim.slot)].complete = false;
        }
        next_due_ = std::min(next_due_, core_.now() + 500);
        next_own_ = {};
        co_return claimed.error();
    }
    for (std::size_t i = 0; i < batch.size(); ++i) {
        auto& claim = batch[i].claim;
        if (!(*claimed)[i]) {
            const std::lock_guard lock(mutex_);
            known_.erase(claim.id);
            continue;
        }
        ++claim.epoch;
        if (batch[i].whole) {
            launch(std::move(claim), std::move(places[i]));
            continue;
        }
        auto row = co_await core_.get("processInstance", claim.id, core_.soon());
        if (row) {
            claim.data = parse_object((*row)["data"].text());
            launch(std::move(claim), std::move(places[i]));
            continue;
        }
        const std::lock_guard lock(mutex_);
        known_.erase(claim.id);
        next_own_ = {};
    }
    co_return ok;
}

Async<void> Dispatcher::run() {
    for (;;) {
        Result<void> did;
        std::vector<Waiting> batch;
        bool sweep_due = false;
        bool rows_due = false;
        {
            const std::lock_guard lock(mutex_);
            sweep_due = serving_ && core_.clock.now() >= next_sweep_;
            rows_due = serving_ && core_.now() >= next_due_;
        }
        if (sweep_due) {
            auto sweeping = sweep();
            did = co_await std::move(sweeping);
        }
        if (did && rows_due) {
            auto reading = read_due();
            did = co_await std::move(reading);
        }
        if (did) {
            auto reading = read_nudged();
            did = co_await std::move(reading);
        }
        if (did) {
            auto refilling = refill();
            did = co_await std::move(refilling);
        }
        if (did) {
            {
                const std::lock_guard lock(mutex_);
                batch = take();
                core_.measures.read_ahead.set(static_cast<double>(waiting_));
            }
            if (!batch.empty()) {
                auto claiming = claim(std::move(batch));
                did = co_await std::move(claiming);
                if (did) continue;
            }
        }
        if (!did) {
            if (did.error().code() == Errc::cancelled) co_return;
            const auto slept = co_await sleep_for(core_.clock, kAgain);
            if (!slept) co_return;
            continue;
        }
        auto until = core_.clock.now() + kSweepEvery;
        {
            const std::lock_guard lock(mutex_);
            if (serving_ && next_sweep_ < until) until = next_sweep_;
            if (serving_ && next_due_ != INT64_MAX) {
                const auto wait = std::max<std::int64_t>(0, next_due_ - core_.now());
                until = std::min(until, core_.clock.now() + std::chrono::milliseconds(wait));
            }
        }
        const auto rang = co_await bell_.wait(core_.clock, Deadline(until));
        if (!rang) co_return;
    }
}

Async<Result<void>> Dispatcher::sweep() {
    bool measure_now = false;
    bool own_now = false;
    const auto now = core_.clock.now();
    {
        const std::lock_guard lock(mutex_);
        next_sweep_ = now + kSweepEvery;
        next_due_ = std::min(next_due_, core_.now());
        measure_now = now >= next_measure_;
        own_now = now >= next_own_;
        if (measure_now) next_measure_ = now + 10s;
        if (own_now) next_own_ = now + 30s;
        // Whose resource another server held is tried when its time comes.
        if (wait_for_.size() >= kMostWaiting) wait_for_.clear();
    }
    core_.agents->look_again();
    auto freeing = free_rows_of_the_dead();
    auto freed = co_await std::move(freeing);
    if (!freed) co_return freed.error();
    if (own_now) {
        auto freeing_own = free_own_unknown();
        freed = co_await std::move(freeing_own);
        if (!freed) co_return freed.error();
    }
    Query any;
    any.type = "processInstance";
    any.where.push_back({{"queue", Op::gte, {Value(0)}}});
    any.sort = {{"queue", false}};
    any.limit = 1;
    auto looking = core_.query(std::move(any), core_.soon());
    auto page = co_await std::move(looking);
    if (!page) co_return page.error();
    if (!page->rows.empty()) {
        const std::lock_guard lock(mutex_);
        for (auto& slot : slots_) slot.complete = false;
    }
    if (!measure_now) co_return ok;
    auto measuring = measure();
    co_return co_await std::move(measuring);
}

}  // namespace drover::engine
