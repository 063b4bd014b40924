// The process that the crash test kills: sqlite_workload HOME SEED WRITERS. Says "ready", then a line for each
// acknowledged commit: "ack COUNT WRITER VALUE".
#include <unistd.h>

#include <iostream>

#include "workload.hpp"

namespace {

void say(const std::string& line) {
    if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(3);
}

}  // namespace

int main(int count, char** words) {
    using namespace drover;
    using namespace drover::sqlite_tests;
    if (count != 4) return 2;
    auto running = RunningStore::start({.home = words[1], .types = workload_types()});
    if (!running) {
        std::cerr << running.error() << std::endl;
        return 1;
    }
    say("ready\n");
    const auto seed = std::strtoull(words[2], nullptr, 10);
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> acks{0};
    TaskGroup writers((*running)->executor());
    for (std::int64_t writer = 0; writer < std::atoll(words[3]); ++writer)
        writers.spawn("writer", [&, writer] {
            return write_on(**running, writer, seed, stop, [&acks](std::int64_t who, std::int64_t value) {
                say("ack " + std::to_string(++acks) + " " + std::to_string(who) + " " + std::to_string(value) + "\n");
            });
        });
    // Until it is killed; its parent kills it in any case.
    writers.join(std::chrono::minutes(5));
    return 0;
}
