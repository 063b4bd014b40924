#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "drover/async.hpp"
#include "drover/log.hpp"
#include "drover/metrics.hpp"

namespace [[gnu::visibility("default")]] drover {

/// What stands between a service and all who use it: callers hold a facade, the facade holds a binding,
/// and only the binding knows the plugin. So a call into a stopped plugin is an error and not a crash,
/// calls in flight are counted, exceptions are named, and a slot can be bound to another plugin.
///
/// Thread-safety: every method may be called from any thread.
class Binding {
public:
    Binding(std::string interface_id, Logger log, Metrics& metrics);

    /// Directs calls to `object`, of plugin instance `instance`.
    void bind(std::string instance, void* object);
    /// Refuses new calls. Those in flight go on: see `idle`.
    void unbind();
    bool bound() const { return target_.load() != nullptr; }
    bool idle() const { return in_flight_.load() == 0; }
    long in_flight() const { return in_flight_.load(); }
    const std::string& interface_id() const { return interface_id_; }
    /// The instance that serves now; for messages.
    std::string instance() const;

    /// Raised when the backend is swapped or was found wiped; the first half of every fencing token.
    std::uint64_t generation() const { return generation_.load(); }
    void set_generation(std::uint64_t generation) { generation_.store(generation); }

    /// Counts one call while it lives.
    class Use {
    public:
        explicit Use(Binding& binding) : binding_(&binding) {
            binding.in_flight_.fetch_add(1);
            target_ = binding.target_.load();
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { binding_->in_flight_.fetch_sub(1); }
        void* target() const { return target_; }

    private:
        Binding* binding_;
        void* target_;
    };

    Error not_bound() const;
    /// Logs and counts a call that ended in a bug of the plugin.
    void report(std::string_view verb, const Error& error) const;

private:
    const std::string interface_id_;
    Logger log_;
    Metrics& metrics_;
    std::atomic<void*> target_{nullptr};
    std::atomic<long> in_flight_{0};
    std::atomic<std::uint64_t> generation_{1};
    mutable std::mutex mutex_;
    std::string instance_;  // guarded by mutex_
};

/// One guarded call: `call<Lease>(binding, "acquire", [..](LockService& s) { return s.acquire(..); })`.
template <class Interface, class T, class F>
Async<Result<T>> guarded(Binding& binding, std::string_view verb, F call) {
    const Binding::Use use(binding);
    if (!use.target()) co_return binding.not_bound();
    try {
        auto running = call(*static_cast<Interface*>(use.target()));
        auto result = co_await std::move(running);
        if (!result && result.error().code() == Errc::internal) binding.report(verb, result.error());
        co_return result;
    } catch (...) {
        auto error = error_of(std::current_exception());
        if (error.code() == Errc::internal) binding.report(verb, error);
        co_return error;
    }
}

/// Thrown by the facade of a verb that answers at once, where no result can hold the error. An Async<Result<T>>
/// that it leaves ends with that error.
class CallFailed : public std::runtime_error {
public:
    explicit CallFailed(Error error);
    const Error& error() const { return error_; }

private:
    Error error_;
};

/// The same for a verb that answers at once: `call_now<Engine>(binding, "setting", [..](Engine& e) { .. })`.
/// Throws CallFailed when nobody serves, and when an exception escaped.
template <class Interface, class F>
auto call_now(Binding& binding, std::string_view verb, F call) {
    const Binding::Use use(binding);
    if (!use.target()) throw CallFailed(binding.not_bound());
    try {
        return call(*static_cast<Interface*>(use.target()));
    } catch (...) {
        auto error = error_of(std::current_exception());
        if (error.code() == Errc::internal) binding.report(verb, error);
        throw CallFailed(std::move(error));
    }
}

/// How the registry makes the facade of an interface. Specialise it beside a third-party interface:
/// a class that derives from the interface and forwards each verb through `guarded`.
template <class Interface>
std::shared_ptr<Interface> make_facade(std::shared_ptr<Binding> binding);

}  // namespace drover
