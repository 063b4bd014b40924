// The memory backend's lock through its facade, beside a sharded map of names under std::mutex.
#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "drover/services/lock.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kNames = 4096;
constexpr std::size_t kThreads = 2;
constexpr std::size_t kTasks = 64;
constexpr std::chrono::seconds kTime{3};

struct Measured {
    double per_second = 0;
    double p99_microseconds = 0;
};

std::string name_of(std::size_t number) { return "instance/" + std::to_string(number % kNames); }

Measured measure_service(host::Runtime& runtime, LockService& locks) {
    std::vector<std::vector<double>> times(kTasks);
    const auto until = steady_clock::now() + kTime;
    const double seconds = run_all(runtime, kTasks, [&](std::size_t task) -> Async<void> {
        // A stride of its own for each task: names are met by others, but seldom at the same moment.
        for (std::size_t step = task * 61; steady_clock::now() < until; step += 7) {
            const auto began = steady_clock::now();
            auto lease = co_await locks.acquire(name_of(step), Deadline::in(runtime.clock(), std::chrono::seconds(5)));
            if (!lease) throw std::runtime_error(lease.error().message());
            auto released = co_await locks.release(std::move(*lease));
            if (!released) throw std::runtime_error(released.error().message());
            times[task].push_back(Seconds(steady_clock::now() - began).count() * 1e6);
        }
    });
    std::vector<double> all;
    for (const auto& one : times) all.insert(all.end(), one.begin(), one.end());
    return {static_cast<double>(all.size()) / seconds, percentile(all, 0.99)};
}

class ShardedMap {
public:
    bool acquire(const std::string& name, std::uint64_t token) {
        auto& shard = shard_of(name);
        const std::lock_guard lock(shard.mutex);
        return shard.holders.emplace(name, token).second;
    }
    void release(const std::string& name) {
        auto& shard = shard_of(name);
        const std::lock_guard lock(shard.mutex);
        shard.holders.erase(name);
    }

private:
    struct Shard {
        std::mutex mutex;
        std::unordered_map<std::string, std::uint64_t> holders;
    };
    Shard& shard_of(const std::string& name) { return shards_[std::hash<std::string>{}(name) % shards_.size()]; }
    std::array<Shard, 64> shards_;
};

Measured measure_map() {
    ShardedMap map;
    std::atomic<std::uint64_t> token{0};
    std::vector<std::vector<double>> times(kThreads);
    std::vector<std::thread> threads;
    const auto start = steady_clock::now();
    for (std::size_t number = 0; number < kThreads; ++number)
        threads.emplace_back([&, number] {
            for (std::size_t step = number * 61; steady_clock::now() < start + kTime; step += 7) {
                const auto began = steady_clock::now();
                const auto name = name_of(step);
                while (!map.acquire(name, ++token)) std::this_thread::yield();
                map.release(name);
                times[number].push_back(Seconds(steady_clock::now() - began).count() * 1e6);
            }
        });
    for (auto& thread : threads) thread.join();
    const double seconds = Seconds(steady_clock::now() - start).count();
    std::vector<double> all;
    for (const auto& one : times) all.insert(all.end(), one.begin(), one.end());
    return {static_cast<double>(all.size()) / seconds, percentile(all, 0.99)};
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover::bench;
    const std::string peer = "sharded std::mutex map, 2 threads";
    drover::host::Runtime runtime(kThreads);
    LoadedPlugin plugin(runtime, "memory.so", {}, scratch("memory_lock"));
    const auto service = measure_service(runtime, plugin.get<drover::LockService>());
    const auto map = measure_map();
    report("memory_lock", service.per_second, "acquire+release per second, 64 coroutines on 2 threads", peer,
           map.per_second);
    report("memory_lock_p99", service.p99_microseconds, "us", peer, map.p99_microseconds);
}
