#include "store_filter.hpp"

#include <algorithm>

namespace drover::memory {
namespace {

bool cell_less(const Cell& a, const Cell& b) { return compare(a, b) < 0; }
bool cell_equal(const Cell& a, const Cell& b) { return compare(a, b) == 0; }

void make_set(std::vector<Cell>& values) {
    std::erase_if(values, [](const Cell& cell) { return cell.is_null(); });
    std::sort(values.begin(), values.end(), cell_less);
    values.erase(std::unique(values.begin(), values.end(), cell_equal), values.end());
}

Test test_of(const TypeView& type, const Condition& condition) {
    Test test{column_of(type, condition.field), condition.op};
    for (const auto& value : condition.values) test.values.push_back(Cell::of(value));
    if (test.op == Op::in) make_set(test.values);
    return test;
}

/// Equalities and `in` of one field are one `in`.
std::optional<Test> joined(const std::vector<Test>& tests) {
    Test all{tests.front().column, Op::in};
    for (const auto& test : tests) {
        if (test.column != all.column || (test.op != Op::eq && test.op != Op::in)) return std::nullopt;
        all.values.insert(all.values.end(), test.values.begin(), test.values.end());
    }
    make_set(all.values);
    return all;
}

}  // namespace

std::size_t column_of(const TypeView& type, std::string_view field) {
    return field == "id" ? kIdColumn : type.columns[*type.type->find(field)];
}

bool Test::holds(const Slot& slot, const Shape& shape) const {
    const auto cell = cell_of(slot, shape, column);
    if (op == Op::is_null) return cell.is_null();
    if (op == Op::not_null) return !cell.is_null();
    if (cell.is_null()) return false;
    if (op == Op::in) return std::binary_search(values.begin(), values.end(), cell, cell_less);
    const auto& value = values.front();
    if (value.is_null()) return false;
    switch (op) {
        case Op::eq: return compare(cell, value) == 0;
        case Op::ne: return compare(cell, value) != 0;
        case Op::lt: return compare(cell, value) < 0;
        case Op::lte: return compare(cell, value) <= 0;
        case Op::gt: return compare(cell, value) > 0;
        case Op::gte: return compare(cell, value) >= 0;
        case Op::prefix: return cell.text.starts_with(value.text);
        case Op::like: return like_matches(cell.text, value.text);
        case Op::not_like: return !like_matches(cell.text, value.text);
        default: return false;
    }
}

Filter::Filter(const TypeView& type, const std::vector<AnyOf>& where) : shape_(type.table->shape()) {
    for (const auto& any : where) {
        std::vector<Test> tests;
        for (const auto& condition : any) tests.push_back(test_of(type, condition));
        if (tests.size() == 1) all_.push_back(std::move(tests.front()));
        else if (auto one = tests.empty() ? std::nullopt : joined(tests)) all_.push_back(std::move(*one));
        else any_.push_back(std::move(tests));
    }
}

bool Filter::holds(const Slot& slot) const {
    return std::all_of(all_.begin(), all_.end(), [&](const Test& test) { return test.holds(slot, shape_); }) &&
           std::all_of(any_.begin(), any_.end(), [&](const auto& tests) {
               return std::any_of(tests.begin(), tests.end(),
                                  [&](const Test& test) { return test.holds(slot, shape_); });
           });
}

Order::Order(const TypeView& type, const std::vector<SortBy>& sort) : shape_(type.table->shape()) {
    for (const auto& by : sort) {
        const auto column = column_of(type, by.field);
        if (column == kIdColumn) {
            ids_descend_ = by.descending;
            return;
        }
        by_.push_back({column, by.descending});
    }
}

bool Order::before(const Slot& a, const Slot& b) const {
    for (const auto& by : by_)
        if (const int order = compare(cell_of(a, shape_, by.column), cell_of(b, shape_, by.column)))
            return by.descending ? order > 0 : order < 0;
    return ids_descend_ ? a.id > b.id : a.id < b.id;
}

bool Order::behind(const Slot& slot, const std::vector<Cell>& key, std::int64_t id) const {
    for (std::size_t i = 0; i < by_.size(); ++i)
        if (const int order = compare(cell_of(slot, shape_, by_[i].column), key[i]))
            return by_[i].descending ? order < 0 : order > 0;
    return ids_descend_ ? slot.id < id : slot.id > id;
}

}  // namespace drover::memory
