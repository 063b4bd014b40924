#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <random>
#include <string>

namespace drover::test {

/// Draws the cases of a fault test: in the normal run as many as fit its share of time, with fresh seeds;
/// in the long run as many as were asked for. Prints the number and reports it to the ledger.
///
///     for (FaultCases cases("sqlite: kill -9 during random workloads", 200); cases.next();) {
///         std::mt19937_64 random(cases.seed());
///         ...
///     }
///
/// Environment: DROVER_FAULT_SECONDS the share (10 by default), DROVER_FAULT_COUNT draws exactly so many
/// instead, DROVER_TEST_SEED the seed of the first case, DROVER_FAULT_REPORT a file that gets one JSON line.
/// A case that fails ends the loop and prints how to run it alone.
class FaultCases {
public:
    /// `wanted` is the count of the long run. `name` holds no quotes.
    FaultCases(std::string name, std::uint64_t wanted)
        : name_(std::move(name)), wanted_(wanted), count_(number("DROVER_FAULT_COUNT", 0)), first_(first_seed()) {
        until_ = std::chrono::steady_clock::now() +
                 std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(
                     std::getenv("DROVER_FAULT_SECONDS") ? std::atof(std::getenv("DROVER_FAULT_SECONDS")) : 10));
    }
    FaultCases(const FaultCases&) = delete;
    FaultCases& operator=(const FaultCases&) = delete;

    ~FaultCases() {
        const bool passed = !::testing::Test::HasFailure();
        const auto done = passed || drawn_ == 0 ? drawn_ : drawn_ - 1;
        std::cout << "[fault] " << name_ << ": " << done << " cases passed, seeds " << first_ << " and on" << std::endl;
        if (!passed)
            std::cout << "[fault] failed; this case alone: DROVER_FAULT_COUNT=1 DROVER_TEST_SEED=" << seed()
                      << std::endl;
        if (const char* report = std::getenv("DROVER_FAULT_REPORT"))
            std::ofstream(report, std::ios::app) << R"({"name": ")" + name_ + R"(", "count": )" + std::to_string(done) +
                                                        R"(, "wanted": )" + std::to_string(wanted_) + R"(, "seed": )" +
                                                        std::to_string(passed ? first_ : seed()) + R"(, "passed": )" +
                                                        (passed ? "true" : "false") + "}\n";
    }

    /// Goes on to the next case; false when there are enough, or one has failed. The first is always drawn.
    bool next() {
        if (::testing::Test::HasFailure()) return false;
        if (drawn_ > 0 && (count_ ? drawn_ >= count_ : std::chrono::steady_clock::now() >= until_)) return false;
        ++drawn_;
        if (drawn_ == 1) std::cout << "[fault] " << name_ << ": first seed " << first_ << std::endl;
        return true;
    }
    /// Of the present case.
    std::uint64_t seed() const { return drawn_ ? first_ + drawn_ - 1 : first_; }
    /// Of the present case; the first is 1.
    std::uint64_t drawn() const { return drawn_; }

private:
    static std::uint64_t number(const char* variable, std::uint64_t otherwise) {
        const char* text = std::getenv(variable);
        return text ? std::strtoull(text, nullptr, 10) : otherwise;
    }
    static std::uint64_t first_seed() {
        std::random_device device;
        return number("DROVER_TEST_SEED", (std::uint64_t{device()} << 31) ^ device());
    }

    const std::string name_;
    const std::uint64_t wanted_;
    const std::uint64_t count_;  // 0: as many as fit the time
    const std::uint64_t first_;
    std::chrono::steady_clock::time_point until_;
    std::uint64_t drawn_ = 0;
};

}  // namespace drover::test
