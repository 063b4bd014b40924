// The memory backend's event bus through its facade, beside a plain queue between two threads.
#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "drover/services/event_bus.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMessages = 400'000;
constexpr std::size_t kCapacity = 1024;
constexpr std::size_t kWindow = kCapacity / 2;  // sent and not yet received: what keeps the queue from overflowing
const std::string kFill(200, '.');              // a payload of an event's usual size

struct Measured {
    double per_second = 0;
    double p99_microseconds = 0;
};

std::string payload_now() { return std::to_string(steady_clock::now().time_since_epoch().count()) + kFill; }

double age_microseconds(const std::string& payload) {
    std::int64_t sent = 0;
    std::from_chars(payload.data(), payload.data() + payload.size(), sent);
    return static_cast<double>(steady_clock::now().time_since_epoch().count() - sent) / 1e3;
}

/// One publisher, one subscriber; the publisher waits when it is a window ahead.
Measured measure_bus(host::Runtime& runtime, EventBus& bus, std::size_t window, std::size_t messages) {
    std::vector<double> ages;
    ages.reserve(messages);
    auto subscription =
        block_on(runtime.executor(), bus.subscribe("bench", kCapacity), std::chrono::seconds(5)).value();
    Semaphore ahead(window);
    std::deque<Semaphore::Permit> permits;  // guarded by mutex
    std::mutex mutex;
    const double seconds = run_all(runtime, 2, [&](std::size_t task) -> Async<void> {
        for (std::size_t number = 0; number < messages; ++number) {
            if (task == 0) {
                auto permit = co_await ahead.acquire(runtime.clock());
                {
                    const std::lock_guard lock(mutex);
                    permits.push_back(std::move(permit.value()));
                }
                auto published = co_await bus.publish("bench", payload_now());
                if (!published) throw std::runtime_error(published.error().message());
            } else {
                auto item = co_await subscription.next(runtime.clock());
                const auto* message = item ? std::get_if<BusMessage>(&*item) : nullptr;
                if (!message) throw std::runtime_error("an event was lost");
                ages.push_back(age_microseconds(message->payload));
                const std::lock_guard lock(mutex);
                permits.pop_front();
            }
        }
    });
    return {static_cast<double>(messages) / seconds, percentile(ages, 0.99)};
}

Measured measure_queue(std::size_t window, std::size_t messages) {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> queue;  // guarded by mutex
    std::vector<double> ages;
    ages.reserve(messages);
    const auto start = steady_clock::now();
    std::thread publisher([&] {
        for (std::size_t number = 0; number < messages; ++number) {
            std::unique_lock lock(mutex);
            changed.wait(lock, [&] { return queue.size() < window; });
            queue.push_back(payload_now());
            lock.unlock();
            changed.notify_one();
        }
    });
    for (std::size_t number = 0; number < messages; ++number) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return !queue.empty(); });
        const auto payload = std::move(queue.front());
        queue.pop_front();
        lock.unlock();
        changed.notify_one();
        ages.push_back(age_microseconds(payload));
    }
    publisher.join();
    const double seconds = Seconds(steady_clock::now() - start).count();
    return {static_cast<double>(messages) / seconds, percentile(ages, 0.99)};
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover::bench;
    drover::host::Runtime runtime(2);
    LoadedPlugin plugin(runtime, "memory.so", {}, scratch("memory_bus"));
    auto& bus = plugin.get<drover::EventBus>();
    const std::string peer = "std::deque with mutex and condition variable, 2 threads";
    report("memory_bus", measure_bus(runtime, bus, kWindow, kMessages).per_second, "events per second", peer,
           measure_queue(kWindow, kMessages).per_second);
    // One at a time: what a wake-up costs, without the wait behind others.
    report("memory_bus_p99", measure_bus(runtime, bus, 1, kMessages / 20).p99_microseconds, "us, publish to receive",
           peer, measure_queue(1, kMessages / 20).p99_microseconds);
}
