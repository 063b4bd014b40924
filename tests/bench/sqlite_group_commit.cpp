// Durable commits per second with 64 writers, against one thread that appends and flushes to the same disk.
#include <fcntl.h>
#include <unistd.h>

#include "drover/services/store.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kWriters = 64;
constexpr std::chrono::seconds kTime{1};  // of one measurement
constexpr int kRounds = 5;
constexpr std::size_t kAppend = 256;  // bytes, about what a record of the store takes

/// One thread: append, fdatasync, again.
double flushes_per_second(const std::string& folder) {
    const int file = open((folder + "/append").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (file < 0) throw std::runtime_error("cannot write to " + folder);
    const std::string bytes(kAppend, 'x');
    std::size_t count = 0;
    const auto start = steady_clock::now();
    for (; steady_clock::now() < start + kTime; ++count)
        if (write(file, bytes.data(), bytes.size()) < 0 || fdatasync(file) != 0)
            throw std::runtime_error("cannot flush to " + folder);
    const double seconds = Seconds(steady_clock::now() - start).count();
    close(file);
    return static_cast<double>(count) / seconds;
}

double commits_per_second(host::Runtime& runtime, Store& store, std::size_t writers) {
    std::atomic<std::size_t> count{0};
    const auto until = steady_clock::now() + kTime;
    const double seconds = run_all(runtime, writers, [&](std::size_t) -> Async<void> {
        while (steady_clock::now() < until) {
            Batch batch;
            batch.operations.push_back(
                Create{"benchJob",
                       {{"name", Term(Value(std::string(64, 'n')))}, {"data", Term(Value(std::string(128, 'd')))}}});
            auto committed =
                co_await store.commit(std::move(batch), Deadline::in(runtime.clock(), std::chrono::seconds(30)));
            if (!committed) throw std::runtime_error(committed.error().describe());
            ++count;
        }
    });
    return static_cast<double>(count) / seconds;
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover;
    using namespace drover::bench;
    const auto folder = scratch("sqlite_group_commit");
    host::Runtime runtime(2);
    LoadedPlugin plugin(runtime, "sqlite.so", {}, folder);
    auto& store = plugin.get<Store>();
    std::vector<ResourceType> types(1);
    types[0].name = "benchJob";
    types[0].fields = {text_field("name"), text_field("data")};
    const auto in_time = Deadline::in(runtime.clock(), std::chrono::seconds(30));
    block_on(runtime.executor(), store.migrate(types, MigrateMode::apply, in_time), std::chrono::seconds(30)).value();

    // In turns, because disks of virtual machines change their minds from second to second.
    std::vector<double> peers, many, one;
    for (int round = 0; round < kRounds; ++round) {
        peers.push_back(flushes_per_second(folder));
        many.push_back(commits_per_second(runtime, store, kWriters));
        one.push_back(commits_per_second(runtime, store, 1));
    }
    const std::string peer = "fdatasync of an append, one thread";
    report("sqlite_group_commit", median(many), "durable commits per second, 64 writers", peer, median(peers),
           "at least 8");
    report("sqlite_one_writer", median(one), "durable commits per second, 1 writer", peer, median(peers));
}
