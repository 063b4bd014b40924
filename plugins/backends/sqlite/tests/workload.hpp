#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <random>

#include "running_store.hpp"

namespace drover::sqlite_tests {

/// One writer of the random workload. `acknowledged(writer, value)` is called after each commit.
/// Goes on from what the store holds; ends when `stop` says so or a commit fails otherwise than it should.
Async<void> write_on(RunningStore& running, std::int64_t writer, std::uint64_t seed, const std::atomic<bool>& stop,
                     std::function<void(std::int64_t, std::int64_t)> acknowledged);

/// What a store must hold of one writer after whatever happened: everything up to some value, whole. The
/// value is at least the one acknowledged last, at most one more than was ever acknowledged. Gives it.
std::int64_t expect_whole(RunningStore& running, std::int64_t writer, std::int64_t acknowledged, std::int64_t most);
/// Nothing of a batch that was refused.
void expect_no_poison(RunningStore& running);

}  // namespace drover::sqlite_tests
