#include "logic_table.hpp"

#include <algorithm>

namespace drover::engine {

bool names_process(std::string_view pattern, std::string_view process) {
    // '*' stands for any run of characters; patterns are few and short.
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == process;
    if (!process.starts_with(pattern.substr(0, star))) return false;
    const auto rest = pattern.substr(star + 1);
    for (auto at = star; at <= process.size(); ++at)
        if (names_process(rest, process.substr(at))) return true;
    return false;
}

void sort_pieces(std::vector<PiecePtr>& pieces) {
    std::stable_sort(pieces.begin(), pieces.end(), [](const PiecePtr& a, const PiecePtr& b) {
        const bool a_outside = a->info.plugin == "external";
        const bool b_outside = b->info.plugin == "external";
        return std::tie(a->info.priority, a_outside, a->info.name) <
               std::tie(b->info.priority, b_outside, b->info.name);
    });
}

void LogicTable::add(std::string plugin, Logic logic) { added_.push_back({std::move(plugin), std::move(logic)}); }

void LogicTable::freeze(const Model& model) {
    for (const auto& process : model.processes()) {
        auto& lists = by_process_[process.name];
        for (const auto& added : added_) {
            const auto& names = added.logic.processes;
            const bool takes_part = std::any_of(names.begin(), names.end(), [&](const std::string& pattern) {
                return names_process(pattern, process.name);
            });
            if (!takes_part) continue;
            auto piece = std::make_shared<Piece>();
            piece->info.name = added.logic.name;
            piece->info.phase = added.logic.phase;
            piece->info.priority = added.logic.priority;
            piece->info.plugin = added.plugin;
            piece->call = added.logic.call;
            lists.of(added.logic.phase).push_back(std::move(piece));
        }
        for (auto& list : lists.phases) sort_pieces(list);
    }
    added_.clear();
}

const Lists& LogicTable::of(std::string_view process) const {
    const auto found = by_process_.find(process);
    return found == by_process_.end() ? none_ : found->second;
}

}  // namespace drover::engine
