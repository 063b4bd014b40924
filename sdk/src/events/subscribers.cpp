#include "subscribers.hpp"

#include <algorithm>

#include "topics.hpp"

namespace drover {

void EventSubscription::State::append_gap(std::string reason) {
    // One gap says all that several would.
    if (queue.empty() || queue.back().event) queue.push_back({nullptr, std::move(reason)});
    waiters.wake_one();
}

void EventSubscription::State::push(SharedEvent event) {
    const std::lock_guard lock(mutex);
    if (closed) return;
    if (queue.size() >= capacity) {
        ++dropped;
        append_gap("the subscriber was too slow and its queue was full");
        return;
    }
    queue.push_back({std::move(event), {}});
    waiters.wake_one();
}

void EventSubscription::State::add_gap(std::string reason) {
    const std::lock_guard lock(mutex);
    if (!closed) append_gap(std::move(reason));
}

void EventSubscription::State::close(Error why) {
    const std::lock_guard lock(mutex);
    if (!closed) closed = std::move(why);
    waiters.wake_all();
}

Async<Result<EventItem>> EventSubscription::next(Clock& clock, Deadline deadline) {
    const auto state = state_;
    if (!state) co_return Error(Errc::unavailable, "this subscription was never made");
    for (;;) {
        const auto outcome = co_await detail::wait(&clock, deadline, [&state](detail::WaiterPtr waiter) {
            const std::lock_guard lock(state->mutex);
            if (!state->queue.empty() || state->closed) waiter->finish(WaitOutcome::signalled);
            else state->waiters.add(std::move(waiter));
        });
        const std::lock_guard lock(state->mutex);
        if (outcome == WaitOutcome::cancelled) co_return wait_error(outcome, "the next event");
        if (!state->queue.empty()) {
            auto slot = std::move(state->queue.front());
            state->queue.pop_front();
            if (slot.event) co_return EventItem(*slot.event);
            co_return EventItem(EventGap{std::move(slot.gap)});
        }
        if (state->closed) co_return *state->closed;
        if (outcome == WaitOutcome::timeout) co_return wait_error(outcome, "the next event");
    }
}

std::uint64_t EventSubscription::dropped() const {
    if (!state_) return 0;
    const std::lock_guard lock(state_->mutex);
    return state_->dropped;
}

namespace events {

namespace {

std::string_view qualifiers(std::string_view name) { return name.substr(base_name(name).size()); }

}  // namespace

SubscriberIndex::Ids& SubscriberIndex::place(const std::string& pattern) {
    if (pattern.find('*') == std::string::npos) return exact_[pattern];
    const auto behind = qualifiers(pattern);
    if (!behind.empty() && behind.find('*') == std::string_view::npos) return by_qualifiers_[std::string(behind)];
    return rest_;
}

void SubscriberIndex::add(Id id, const SubscriberPtr& subscriber, std::vector<std::string> patterns) {
    for (const auto& pattern : patterns) {
        auto& ids = place(pattern);
        if (ids.empty() || ids.back() != id) ids.push_back(id);
    }
    entries_.emplace(id, Entry{subscriber, std::move(patterns)});
}

void SubscriberIndex::remove(Id id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    for (const auto& pattern : found->second.patterns) {
        std::erase(place(pattern), id);
        const auto tidy = [](ByText& map, std::string_view key) {
            const auto at = map.find(key);
            if (at != map.end() && at->second.empty()) map.erase(at);
        };
        tidy(exact_, pattern);
        tidy(by_qualifiers_, qualifiers(pattern));
    }
    entries_.erase(found);
}

template <class F>
void SubscriberIndex::for_each_candidate(std::string_view name, F use) const {
    if (const auto found = exact_.find(name); found != exact_.end())
        for (const auto id : found->second)
            if (use(id)) return;
    const auto fits = [&](Id id) {
        const auto& patterns = entries_.find(id)->second.patterns;
        return std::any_of(patterns.begin(), patterns.end(), [&](const auto& one) { return event_matches(one, name); });
    };
    // "*;agent=5" also matches "x;a=1;agent=5": every tail that begins with ';' may be a pattern's qualifiers.
    for (auto at = name.find(';'); at != std::string_view::npos; at = name.find(';', at + 1))
        if (const auto found = by_qualifiers_.find(name.substr(at)); found != by_qualifiers_.end())
            for (const auto id : found->second)
                if (fits(id) && use(id)) return;
    for (const auto id : rest_)
        if (fits(id) && use(id)) return;
}

std::vector<SubscriberPtr> SubscriberIndex::matching(std::string_view name) const {
    Ids ids;
    for_each_candidate(name, [&](Id id) {
        ids.push_back(id);
        return false;
    });
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    std::vector<SubscriberPtr> found;
    found.reserve(ids.size());
    for (const auto id : ids)
        if (auto alive = entries_.find(id)->second.subscriber.lock()) found.push_back(std::move(alive));
    return found;
}

bool SubscriberIndex::any_matching(std::string_view name) const {
    bool any = false;
    for_each_candidate(name, [&](Id) { return any = true; });
    return any;
}

std::vector<SubscriberPtr> SubscriberIndex::all() const {
    std::vector<SubscriberPtr> found;
    for (const auto& [id, entry] : entries_)
        if (auto alive = entry.subscriber.lock()) found.push_back(std::move(alive));
    return found;
}

std::vector<SubscriberPtr> SubscriberIndex::all_on(std::string_view topic) const {
    std::vector<SubscriberPtr> found;
    for (const auto& [id, entry] : entries_) {
        const bool fits = std::any_of(entry.patterns.begin(), entry.patterns.end(), [&](const auto& pattern) {
            const auto topics = topics_of_pattern(pattern);
            return std::find(topics.begin(), topics.end(), topic) != topics.end();
        });
        auto alive = fits ? entry.subscriber.lock() : nullptr;
        if (alive) found.push_back(std::move(alive));
    }
    return found;
}

}  // namespace events
}  // namespace drover
