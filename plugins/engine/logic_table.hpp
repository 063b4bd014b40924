#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/engine/engine.hpp"
#include "drover/engine/extension.hpp"

namespace drover::engine {

/// One piece of logic of one process.
struct Piece {
    LogicInfo info;
    std::function<Async<Result<LogicResult>>(ProcessRunPtr)> call;
};
using PiecePtr = std::shared_ptr<const Piece>;  // owners: the table and the runs that use it

/// What runs in each phase of a process, in order.
struct Lists {
    std::array<std::vector<PiecePtr>, 3> phases;
    const std::vector<PiecePtr>& of(LogicPhase phase) const { return phases[static_cast<std::size_t>(phase)]; }
    std::vector<PiecePtr>& of(LogicPhase phase) { return phases[static_cast<std::size_t>(phase)]; }
};

/// By priority, then by name; those outside of Drover behind others of their priority.
void sort_pieces(std::vector<PiecePtr>& pieces);

/// All built-in logic, by process. Thread-safety: immutable after `freeze`.
class LogicTable {
public:
    void add(std::string plugin, Logic logic);
    /// Finds the logic of every process.
    void freeze(const Model& model);
    /// Never null; empty for a process without logic.
    const Lists& of(std::string_view process) const;

private:
    struct Added {
        std::string plugin;
        Logic logic;
    };
    std::vector<Added> added_;
    std::map<std::string, Lists, std::less<>> by_process_;
    Lists none_;
};

/// Does "*.remove" or "instance.remove" name this process?
bool names_process(std::string_view pattern, std::string_view process);

}  // namespace drover::engine
