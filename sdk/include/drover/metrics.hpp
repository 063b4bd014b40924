#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace [[gnu::visibility("default")]] drover {

/// Only grows. Thread-safety: all of these may be used from any thread, without a lock.
class Counter {
public:
    virtual ~Counter() = default;
    virtual void add(double amount = 1) = 0;
    virtual double value() const = 0;
};

class Gauge {
public:
    virtual ~Gauge() = default;
    virtual void set(double value) = 0;
    virtual void add(double amount) = 0;
    virtual double value() const = 0;
};

class Histogram {
public:
    virtual ~Histogram() = default;
    virtual void observe(double value) = 0;
};

using MetricLabels = std::map<std::string, std::string>;

/// What the server measures, in the Prometheus data model (https://prometheus.io/docs/concepts/).
///
/// The same name and labels give the same object again, which lives as long as the registry. Names are
/// `drover_THING_UNIT`, in base units (seconds, bytes); counters end in `_total`.
/// Thread-safety: every method may be called from any thread.
class Metrics {
public:
    Metrics();
    ~Metrics();
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    Counter& counter(const std::string& name, const std::string& help, const MetricLabels& labels = {});
    Gauge& gauge(const std::string& name, const std::string& help, const MetricLabels& labels = {});
    /// `bounds` are the upper ends of the buckets, ascending; empty means 100 µs to 60 s, for latencies.
    Histogram& histogram(const std::string& name, const std::string& help, const MetricLabels& labels = {},
                         std::vector<double> bounds = {});

    /// Everything, in the Prometheus text exposition format 0.0.4.
    std::string render() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace drover
