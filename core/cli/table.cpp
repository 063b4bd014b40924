#include "cli/table.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace drover::cli {

void Table::add(std::vector<std::string> cells) {
    cells.resize(head_.size());
    rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t widest_cell) const {
    constexpr std::size_t kGap = 2;
    std::vector<std::vector<std::string>> lines{head_};
    lines.insert(lines.end(), rows_.begin(), rows_.end());
    std::vector<std::size_t> widths(head_.size(), 0);
    for (auto& line : lines) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            line[i] = printable(line[i]);
            if (widest_cell && i + 1 < line.size()) line[i] = cut_to_width(line[i], widest_cell);
            widths[i] = std::max(widths[i], display_width(line[i]));
        }
    }
    std::string out;
    for (const auto& line : lines) {
        std::string shown;
        for (std::size_t i = 0; i < line.size(); ++i) {
            shown += line[i];
            shown.append(widths[i] - display_width(line[i]) + kGap, ' ');
        }
        out += shown.substr(0, shown.find_last_not_of(' ') + 1) + '\n';
    }
    return out;
}

}  // namespace drover::cli
