#include "drover/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <unordered_map>

namespace drover {
namespace {

class PrometheusCounter final : public Counter {
public:
    explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
    void add(double amount) override { counter_.Increment(amount); }
    double value() const override { return counter_.Value(); }

private:
    prometheus::Counter& counter_;
};

class PrometheusGauge final : public Gauge {
public:
    explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
    void set(double value) override { gauge_.Set(value); }
    void add(double amount) override { gauge_.Increment(amount); }
    double value() const override { return gauge_.Value(); }

private:
    prometheus::Gauge& gauge_;
};

class PrometheusHistogram final : public Histogram {
public:
    explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
    void observe(double value) override { histogram_.Observe(value); }

private:
    prometheus::Histogram& histogram_;
};

const std::vector<double>& latency_bounds() {
    static const std::vector<double> bounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                            0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   60};
    return bounds;
}

}  // namespace

struct Metrics::State {
    mutable std::mutex mutex;
    prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
    std::unordered_map<const void*, std::unique_ptr<Counter>> counters;      // guarded by mutex
    std::unordered_map<const void*, std::unique_ptr<Gauge>> gauges;          // guarded by mutex
    std::unordered_map<const void*, std::unique_ptr<Histogram>> histograms;  // guarded by mutex
};

namespace {

/// prometheus-cpp gives the same object for the same labels; ours wraps it once.
template <class Wrapper, class Base, class Inner>
Base& wrapped(std::unordered_map<const void*, std::unique_ptr<Base>>& known, Inner& inner) {
    auto& slot = known[&inner];
    if (!slot) slot = std::make_unique<Wrapper>(inner);
    return *slot;
}

}  // namespace

Metrics::Metrics() : state_(std::make_unique<State>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const MetricLabels& labels) {
    const std::lock_guard lock(state_->mutex);
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
    return wrapped<PrometheusCounter>(state_->counters, family.Add(labels));
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const MetricLabels& labels) {
    const std::lock_guard lock(state_->mutex);
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    return wrapped<PrometheusGauge>(state_->gauges, family.Add(labels));
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const MetricLabels& labels,
                              std::vector<double> bounds) {
    const std::lock_guard lock(state_->mutex);
    if (bounds.empty()) bounds = latency_bounds();
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
    return wrapped<PrometheusHistogram>(state_->histograms, family.Add(labels, bounds));
}

std::string Metrics::render() const { return prometheus::TextSerializer().Serialize(state_->registry.Collect()); }

}  // namespace drover
