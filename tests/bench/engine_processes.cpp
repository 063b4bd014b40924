// Processes that do nothing, from request to done, beside one thread that flushes; how soon a handler runs; and
// what a process that waits takes.
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <numeric>

#include "../../plugins/engine/tests/engine_world.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

using engine_tests::EngineWorld;
using std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kThings = 4'000;
constexpr std::size_t kRequesters = 64;
constexpr std::size_t kOutstanding = 1'500;
constexpr auto kTime = 4s;
constexpr std::size_t kAppend = 256;

/// Seconds of each append and fdatasync by one thread.
std::vector<double> flushes(const std::string& folder, std::chrono::seconds time) {
    const int file = open((folder + "/append").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (file < 0) throw std::runtime_error("cannot write to " + folder);
    const std::string bytes(kAppend, 'x');
    std::vector<double> took;
    const auto until = steady_clock::now() + time;
    while (steady_clock::now() < until) {
        const auto began = steady_clock::now();
        if (write(file, bytes.data(), bytes.size()) < 0 || fdatasync(file) != 0)
            throw std::runtime_error("cannot flush to " + folder);
        took.push_back(Seconds(steady_clock::now() - began).count());
    }
    close(file);
    return took;
}

/// Two of one resource may meet: the second finds it done.
double done_of(EngineWorld& world, const std::string& process) {
    double all = 0;
    for (const auto* outcome : {"done", "already_done"})
        all += world.metrics("one")
                   .counter("drover_processes_total", "", {{"process", process}, {"outcome", outcome}})
                   .value();
    return all;
}

std::vector<std::int64_t> make_things(EngineWorld& world, std::size_t count) {
    std::vector<std::int64_t> things;
    while (things.size() < count) {
        Batch batch;
        for (int i = 0; i < 500; ++i) {
            Create thing;
            thing.type = "thing";
            thing.values = {{"state", "active"}, {"uuid", new_uuid()}, {"kind", "thing"}, {"data", "{}"}};
            batch.operations.emplace_back(std::move(thing));
        }
        const auto made = world.run(world.store().commit(std::move(batch), world.in(30s))).value();
        for (const auto& one : made.changed) things.push_back(one.id);
    }
    return things;
}

Async<void> request(EngineWorld& world, Engine& engine, const std::vector<std::int64_t>& things,
                    std::atomic<std::size_t>& next, std::atomic<std::size_t>& asked, steady_clock::time_point until) {
    while (steady_clock::now() < until) {
        if (asked.load() - static_cast<std::size_t>(done_of(world, "thing.work")) > kOutstanding) {
            (void)co_await sleep_for(world.clock(), 500us);
            continue;
        }
        ProcessRequest wanted;
        wanted.process = "thing.work";
        wanted.resource_id = things[next++ % things.size()];
        ++asked;
        auto scheduling = engine.schedule(std::move(wanted), world.in(30s));
        auto scheduled = co_await std::move(scheduling);
        if (!scheduled) throw std::runtime_error(scheduled.error().describe());
    }
}

double processes_per_second(const std::string& store, const std::string& folder) {
    EngineWorld world(store, folder);
    auto& engine = world.start("one");
    const auto things = make_things(world, kThings);
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> asked{0};
    const auto began = steady_clock::now();
    {
        TaskGroup group(world.executor());
        for (std::size_t i = 0; i < kRequesters; ++i)
            group.spawn("bench", [&] { return request(world, engine, things, next, asked, began + kTime); });
        if (!group.join(2min)) throw std::runtime_error("the requests did not end");
    }
    if (!world.eventually([&] { return done_of(world, "thing.work") >= static_cast<double>(asked.load()); }))
        throw std::runtime_error("some processes did not end");
    return static_cast<double>(asked.load()) / Seconds(steady_clock::now() - began).count();
}

Async<Result<LogicResult>> note_time(std::shared_ptr<std::atomic<std::int64_t>> at) {
    at->store(steady_clock::now().time_since_epoch().count());
    co_return LogicResult{};
}

double microseconds_to_handler(const std::string& folder) {
    EngineWorld world("sqlite", folder);
    const auto at = std::make_shared<std::atomic<std::int64_t>>(0);
    world.things.on("thing.work", [at](const ProcessRunPtr&) { return note_time(at); });
    auto& engine = world.start("one");
    const auto things = make_things(world, 500);
    std::vector<double> took;
    for (const auto thing : things) {
        at->store(0);
        const auto began = steady_clock::now().time_since_epoch().count();
        const auto scheduled = world.schedule(engine, "thing.work", thing);
        if (!scheduled) throw std::runtime_error(scheduled.error().describe());
        if (!world.eventually([&] { return at->load() != 0; })) throw std::runtime_error("no handler ran");
        took.push_back(static_cast<double>(at->load() - began) / 1e3);
    }
    return median(took);
}

double resident_bytes() {
    malloc_trim(0);
    std::ifstream file("/proc/self/statm");
    double pages = 0;
    double resident = 0;
    file >> pages >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

Async<Result<LogicResult>> wait_at(std::shared_ptr<Gate> gate, std::shared_ptr<std::atomic<std::size_t>> waiting) {
    ++*waiting;
    auto waited = co_await gate->wait();
    if (!waited) co_return waited.error();
    co_return LogicResult{};
}

/// Bytes that each process in flight adds, from 1,000 to 10,000; the store is on disk.
double bytes_in_flight(const std::string& folder) {
    EngineWorld world("sqlite", folder);
    const auto gate = std::make_shared<Gate>();
    const auto waiting = std::make_shared<std::atomic<std::size_t>>(0);
    world.things.on("thing.work", [=](const ProcessRunPtr&) { return wait_at(gate, waiting); });
    ServeOptions options;
    options.in_flight = 20'000;
    auto& engine = world.start("one", true, options);
    const auto things = make_things(world, 10'000);
    const auto fill = [&](std::size_t from, std::size_t to) {
        std::atomic<std::size_t> next{from};
        TaskGroup group(world.executor());
        for (std::size_t i = 0; i < kRequesters; ++i)
            group.spawn("bench", [&]() -> Async<void> {
                for (;;) {
                    const auto number = next++;
                    if (number >= to) co_return;
                    ProcessRequest wanted;
                    wanted.process = "thing.work";
                    wanted.resource_id = things[number];
                    auto scheduling = engine.schedule(std::move(wanted), world.in(30s));
                    (void)co_await std::move(scheduling);
                }
            });
        if (!group.join(2min) || !world.eventually([&] { return *waiting >= to; }, 60s))
            throw std::runtime_error("the processes did not begin");
    };
    fill(0, 1'000);
    const auto before = resident_bytes();
    fill(1'000, 10'000);
    const auto each = (resident_bytes() - before) / 9'000;
    gate->open();
    if (!world.eventually([&] { return done_of(world, "thing.work") >= 10'000; }, 60s))
        throw std::runtime_error("some processes did not end");
    return each;
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover::bench;
    const auto folder = scratch("engine_processes");
    report("engine_processes_memory", processes_per_second("memory", folder),
           "no-op processes per second, request to done with history, memory store", "the aim", 20'000, "at least 1");
    auto took = flushes(folder, std::chrono::seconds(2));
    const double per_second = static_cast<double>(took.size()) / std::accumulate(took.begin(), took.end(), 0.0);
    report("engine_processes_sqlite", processes_per_second("sqlite", folder),
           "no-op processes per second, request to done with history, durable (2 rows written, 2 changed twice)",
           "fdatasync of an append, one thread", per_second, "at least 4");
    report("engine_request_to_handler", microseconds_to_handler(folder), "us, median, request to handler running, idle",
           "fdatasync, median", median(took) * 1e6, "at most 3");
    report("engine_process_in_flight", bytes_in_flight(folder),
           "bytes for each process that waits, from 1,000 to 10,000", "the limit", 10'240, "at most 1");
}
