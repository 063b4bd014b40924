#include "drover/blocking.hpp"

#include <pthread.h>

#include <condition_variable>
#include <thread>
#include <vector>

namespace drover {

struct BlockingPool::State {
    std::mutex mutex;
    std::condition_variable work_or_close;
    std::condition_variable thread_left;
    std::deque<std::function<void()>> jobs;  // guarded by mutex
    std::size_t capacity = 0;
    std::size_t alive = 0;  // guarded by mutex
    bool closed = false;    // guarded by mutex

    void work() {
        std::unique_lock lock(mutex);
        for (;;) {
            work_or_close.wait(lock, [&] { return closed || !jobs.empty(); });
            if (jobs.empty()) break;
            auto job = std::move(jobs.front());
            jobs.pop_front();
            lock.unlock();
            job();
            job = nullptr;  // what it owns dies here, not under the lock
            lock.lock();
        }
        --alive;
        thread_left.notify_all();
    }
};

BlockingPool::BlockingPool(std::string name, std::size_t threads, std::size_t queue)
    : state_(std::make_shared<State>()) {
    state_->capacity = queue;
    state_->alive = threads;
    for (std::size_t i = 0; i < threads; ++i) {
        std::thread thread([state = state_] { state->work(); });
        pthread_setname_np(thread.native_handle(), name.substr(0, 15).c_str());
        thread.detach();  // `close` waits for `alive` to reach zero, with a deadline that join has not
    }
}

BlockingPool::~BlockingPool() { close(std::chrono::milliseconds(0)); }

bool BlockingPool::submit(std::function<void()> job) {
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->closed || state_->jobs.size() >= state_->capacity) return false;
        state_->jobs.push_back(std::move(job));
    }
    state_->work_or_close.notify_one();
    return true;
}

bool BlockingPool::close(std::chrono::milliseconds at_most) {
    std::unique_lock lock(state_->mutex);
    state_->closed = true;
    state_->work_or_close.notify_all();
    return state_->thread_left.wait_for(lock, at_most, [&] { return state_->alive == 0; });
}

std::size_t BlockingPool::queued() const {
    const std::lock_guard lock(state_->mutex);
    return state_->jobs.size();
}

}  // namespace drover
