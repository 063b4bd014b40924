#include "verb_deadlines.hpp"

#include <pthread.h>

#include <thread>

namespace drover::host {

VerbDeadlines& VerbDeadlines::shared() {
    static auto* const deadlines = new VerbDeadlines;  // verbs that hang outlive everything else
    return *deadlines;
}

VerbDeadlines::VerbDeadlines() {
    std::thread thread([this] { run(); });
    pthread_setname_np(thread.native_handle(), "deadlines");
    thread.detach();
}

VerbDeadlines::Timer VerbDeadlines::begin(std::chrono::milliseconds at_most, std::function<void()> late) {
    const std::lock_guard lock(mutex_);
    const auto timer = next_++;
    timers_.emplace(std::pair(std::chrono::steady_clock::now() + at_most, timer), std::move(late));
    changed_.notify_all();
    return timer;
}

void VerbDeadlines::cancel(Timer timer) {
    const std::lock_guard lock(mutex_);
    std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
}

void VerbDeadlines::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (timers_.empty()) {
            changed_.wait(lock);
            continue;
        }
        const auto first = timers_.begin();
        const auto due = first->first.first;  // a copy: `first` may be cancelled, and die, during the wait
        if (std::chrono::steady_clock::now() < due) {
            changed_.wait_until(lock, due);
            continue;
        }
        const auto late = std::move(first->second);
        timers_.erase(first);
        lock.unlock();
        late();
        lock.lock();
    }
}

}  // namespace drover::host
