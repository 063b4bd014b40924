#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "drover/metrics.hpp"

namespace drover::engine {

/// What the engine counts. Thread-safety: every method may be called from any thread.
class Measures {
public:
    explicit Measures(Metrics& metrics)
        : metrics_(metrics),
          pending(metrics.gauge("drover_processes_pending", "Processes that wait for their turn, here.")),
          read_ahead(
              metrics.gauge("drover_processes_read_ahead", "Pending processes known to this server's dispatcher.")),
          in_flight(metrics.gauge("drover_processes_in_flight", "Processes under way on this server.")),
          oldest(metrics.gauge("drover_processes_oldest_seconds",
                               "Age of the oldest pending process among the slots of this server.")),
          parked(metrics.gauge("drover_processes_parked", "Processes that failed too often and wait for an operator.")),
          abandoned(metrics.gauge("drover_logic_abandoned",
                                  "Logic that ignored its cancellation and still runs, without effect.")),
          lock_wait(metrics.histogram("drover_process_lock_wait_seconds", "How long processes waited for a lock.")),
          commit(metrics.histogram("drover_process_commit_seconds", "How long commits of the engine took.")),
          taken_over(metrics.counter("drover_processes_taken_over_total", "Processes of servers that are gone.")),
          fenced(metrics.counter("drover_process_fenced_total",
                                 "Writes that were refused because another had taken the process over.")) {}

private:
    Metrics& metrics_;

public:
    Gauge& pending;
    Gauge& read_ahead;
    Gauge& in_flight;
    Gauge& oldest;
    Gauge& parked;
    Gauge& abandoned;
    Histogram& lock_wait;
    Histogram& commit;
    Counter& taken_over;
    Counter& fenced;

    void ended(const std::string& process, std::string_view outcome) { counter(process, outcome).add(); }
    Histogram& logic(const std::string& name) {
        const std::lock_guard lock(mutex_);
        auto& found = logic_[name];
        if (!found)
            found = &metrics_.histogram("drover_process_logic_seconds", "How long logic took.", {{"logic", name}});
        return *found;
    }

private:
    Counter& counter(const std::string& process, std::string_view outcome) {
        const std::lock_guard lock(mutex_);
        auto& found = ended_[process][std::string(outcome)];
        if (!found)
            found = &metrics_.counter("drover_processes_total", "Attempts at processes, by how they ended.",
                                      {{"process", process}, {"outcome", std::string(outcome)}});
        return *found;
    }
    std::mutex mutex_;
    std::map<std::string, std::map<std::string, Counter*>> ended_;  // guarded by mutex_
    std::map<std::string, Histogram*> logic_;                       // guarded by mutex_
};

}  // namespace drover::engine
