#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core.hpp"

namespace drover::engine {

/// Process logic outside of Drover, registered at run time: rows of externalHandler, the processes they name and
/// the maps between, all three active. Thread-safety: every method may be called from any thread.
class Externals {
public:
    explicit Externals(Core& core) : core_(core) {}

    using List = std::shared_ptr<const std::vector<PiecePtr>>;  // owners: this and the runs that use it
    /// Built-in logic and external handlers of one phase, in order.
    List merged(const Lists& builtin, const std::string& process, LogicPhase phase) const;

    /// Reads the handlers anew now. Errors: those of the store.
    Async<Result<void>> read();
    /// Something about them changed.
    void changed() { bell_.ring(); }
    /// Reads them when something changed, and every second, until it is cancelled.
    Async<void> run();

private:
    struct Snapshot {
        std::map<std::string, Lists, std::less<>> by_process;
    };
    PiecePtr piece(const Record& handler, const std::string& name, LogicPhase phase) const;

    Core& core_;
    Bell bell_;
    mutable std::mutex mutex_;
    std::shared_ptr<const Snapshot> snapshot_ = std::make_shared<Snapshot>();  // guarded by mutex_
};

/// The built-in logic of the engine itself: external handlers, removal, activation.
std::vector<Logic> builtin_logic();

}  // namespace drover::engine
