#include "drover/facade.hpp"

namespace drover {

Binding::Binding(std::string interface_id, Logger log, Metrics& metrics)
    : interface_id_(std::move(interface_id)), log_(std::move(log)), metrics_(metrics) {}

void Binding::bind(std::string instance, void* object) {
    {
        const std::lock_guard lock(mutex_);
        instance_ = std::move(instance);
    }
    target_.store(object);
}

void Binding::unbind() { target_.store(nullptr); }

std::string Binding::instance() const {
    const std::lock_guard lock(mutex_);
    return instance_;
}

Error Binding::not_bound() const {
    const auto name = instance();
    return Error(Errc::unavailable,
                 interface_id_ + " is not served now" + (name.empty() ? "" : ": plugin " + name + " is not running"));
}

CallFailed::CallFailed(Error error) : std::runtime_error(error.describe()), error_(std::move(error)) {}

void Binding::report(std::string_view verb, const Error& error) const {
    const auto name = instance();
    log_.error("a plugin failed in a call; this is a bug in it",
               {{"plugin", name}, {"interface", interface_id_}, {"verb", verb}, {"error", error.message()}});
    metrics_
        .counter("drover_plugin_call_failures_total", "Calls into a plugin that ended in an escaped exception.",
                 {{"plugin", name}, {"interface", interface_id_}, {"verb", std::string(verb)}})
        .add();
}

}  // namespace drover
