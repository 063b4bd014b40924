#include "drover/conformance/faults.hpp"

#include <algorithm>

namespace drover::conformance {

std::string_view to_string(Fault fault) {
    switch (fault) {
        case Fault::none: return "none";
        case Fault::refuse: return "refuse";
        case Fault::delay: return "delay";
        case Fault::execute_and_time_out: return "execute-and-time-out";
        case Fault::lose: return "lose";
    }
    return "none";
}

FaultPlan::FaultPlan(std::uint64_t seed, FaultOdds odds) : seed_(seed), odds_(odds), random_(seed) {}

FaultPlan::Drawn FaultPlan::draw() {
    const std::lock_guard lock(mutex_);
    return drawn(certain_calls_, false);
}

FaultPlan::Drawn FaultPlan::draw_item() {
    const std::lock_guard lock(mutex_);
    return drawn(certain_items_, true);
}

FaultPlan::Drawn FaultPlan::drawn(std::deque<Fault>& certain, bool item) {
    Drawn result;
    if (!certain.empty()) {
        result.fault = certain.front();
        certain.pop_front();
    } else {
        auto dice = std::uniform_real_distribution<double>(0, 1)(random_);
        const auto hit = [&](double odds) {
            dice -= odds;
            return dice < 0;
        };
        if (hit(odds_.delay)) result.fault = Fault::delay;
        else if (hit(odds_.lose)) result.fault = Fault::lose;
        else if (!item && hit(odds_.refuse)) result.fault = Fault::refuse;
        else if (!item && hit(odds_.execute_and_time_out)) result.fault = Fault::execute_and_time_out;
    }
    if (result.fault == Fault::delay)
        result.delay = Duration(std::uniform_int_distribution<Duration::rep>(0, odds_.longest_delay.count())(random_));
    ++counts_[static_cast<std::size_t>(result.fault)];
    return result;
}

void FaultPlan::next(Fault fault, std::size_t times) {
    const std::lock_guard lock(mutex_);
    certain_calls_.insert(certain_calls_.end(), times, fault);
}

void FaultPlan::next_item(Fault fault, std::size_t times) {
    const std::lock_guard lock(mutex_);
    certain_items_.insert(certain_items_.end(), times, fault);
}

void FaultPlan::heal() {
    const std::lock_guard lock(mutex_);
    odds_ = {};
    certain_calls_.clear();
    certain_items_.clear();
}

std::size_t FaultPlan::count(Fault fault) const {
    const std::lock_guard lock(mutex_);
    return counts_[static_cast<std::size_t>(fault)];
}

std::string FaultPlan::describe() const {
    const std::lock_guard lock(mutex_);
    std::size_t calls = 0;
    std::string kinds;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        calls += counts_[i];
        if (i > 0) kinds += ", " + std::to_string(counts_[i]) + " " + std::string(to_string(static_cast<Fault>(i)));
    }
    return "seed " + std::to_string(seed_) + ": " + std::to_string(calls) + " calls" + kinds;
}

}  // namespace drover::conformance
