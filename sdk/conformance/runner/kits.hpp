#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "drover/conformance/kit.hpp"

namespace drover::conformance {

/// A kit, found by the service it is for.
struct Kit {
    std::string_view slot;          ///< "lock"
    std::string_view interface_id;  ///< "drover.lock"
    std::string_view title;         ///< first half of the suite's name
    std::string_view header;        ///< where the promises are written
    std::vector<Case>& (*cases)();
};

const std::vector<Kit>& all_kits();

/// "TokenGrowsWithEveryLease" as a sentence: "Token grows with every lease".
std::string sentence_of(std::string_view case_name);

/// Every promise of a kit, in groups, as text for a terminal.
std::string promises_of(const Kit& kit);

}  // namespace drover::conformance
