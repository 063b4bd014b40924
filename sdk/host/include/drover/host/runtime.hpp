#pragma once

#include <cstddef>
#include <memory>

#include "drover/async.hpp"
#include "drover/clock.hpp"

namespace drover::host {

/// The executor: an io_context on a few threads, and the clock that runs on it. One for each process.
/// Thread-safety: every method may be called from any thread.
class Runtime {
public:
    explicit Runtime(std::size_t threads);
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

}  // namespace drover::host
