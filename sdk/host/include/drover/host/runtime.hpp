#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "drover/async.hpp"
#include "drover/clock.hpp"
#include "drover/log.hpp"

namespace drover::host {

/// The executor: an io_context on a few threads, and the clock that runs on it. One for each process.
/// Thread-safety: every method may be called from any thread.
class Runtime {
public:
    /// `log` is where a build with DROVER_WATCHDOG names handlers that hold a thread longer than 50 ms:
    /// standard error when nothing else is given.
    explicit Runtime(std::size_t threads, std::optional<Logger> log = std::nullopt);
    /// Stops at once: whoever uses it has ended before.
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    Executor executor();
    Clock& clock();
    std::size_t threads() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The runtime's executor for one plugin instance: the same, but the watchdog knows `who` runs on it.
Executor named(Executor executor, const std::string& who);

}  // namespace drover::host
