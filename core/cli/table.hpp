#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace drover::cli {

/// Rows of texts under a head, aligned by what a terminal shows.
class Table {
public:
    explicit Table(std::vector<std::string> head) : head_(std::move(head)) {}

    /// A cell may hold anything: see printable(). Missing cells are empty.
    void add(std::vector<std::string> cells);
    std::size_t size() const { return rows_.size(); }
    /// `widest_cell` cuts every cell but the last of a row; 0: none.
    std::string text(std::size_t widest_cell = 0) const;

private:
    std::vector<std::string> head_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace drover::cli
