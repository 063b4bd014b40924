#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drover/clock.hpp"
#include "drover/store/resource_type.hpp"

namespace [[gnu::visibility("default")]] drover {

/// A moment in a store's history; what was committed up to it. Opaque; compared by the store alone.
struct Position {
    std::string text;
    bool operator==(const Position&) const = default;
};

/// How fresh a read must be.
struct Consistency {
    enum class Kind : unsigned char { primary, at_least, stale };
    Kind kind = Kind::primary;
    Position position{};
    Duration staleness{};

    /// Sees every commit acknowledged before the call.
    static Consistency primary() { return {}; }
    /// Sees at least what `position` saw: read your own writes.
    static Consistency at_least(Position position) { return {Kind::at_least, std::move(position), {}}; }
    /// May miss the commits of the last `most`; takes load off the primary.
    static Consistency stale_by(Duration most) { return {Kind::stale, {}, most}; }
};

/// A comparison with null never holds, except by `is_null`. Text is compared byte by byte. `like` knows
/// % (any run of bytes), _ (one character) and \ (the next one literally; itself at the very end). The
/// three of text are for text and json only; json has no order.
enum class Op : unsigned char { eq, ne, lt, lte, gt, gte, prefix, like, not_like, in, is_null, not_null };

struct Condition {
    std::string field;  ///< a declared field, or "id"
    Op op = Op::eq;
    std::vector<Value> values{};  ///< one; none for is_null and not_null; any number for `in`
};

/// Holds when any of them holds.
using AnyOf = std::vector<Condition>;

struct SortBy {
    std::string field;  ///< a declared field, or "id"
    bool descending = false;
};

/// Limits keep one caller from taking the store away from the others.
inline constexpr std::size_t kLargestPage = 10'000;
inline constexpr std::size_t kMostConditions = 1'000;
inline constexpr std::size_t kMostValues = 10'000;  ///< of all conditions together
inline constexpr std::size_t kMostIncludes = 8;

struct Query {
    std::string type;
    std::vector<AnyOf> where{};  ///< all of them must hold; an empty AnyOf holds never
    /// Ties are broken by id, ascending. Null comes first ascending, last descending.
    std::vector<SortBy> sort{};
    /// Names of declared links. Each is LEFT JOINed, so a record with five linked ones takes five rows, and
    /// limit, offset and count are of joined rows. Rows of one record are adjacent; linked records by id.
    std::vector<std::string> include{};
    std::size_t limit = 100;  ///< 1 to kLargestPage
    std::uint64_t offset = 0;
    std::string cursor{};  ///< Page::next of the page before, with the same query; excludes offset and include
    bool count = false;    ///< also count all that match
};

struct Row {
    Record record;
    std::vector<std::optional<Record>> included{};  ///< one for each include, in that order
};

struct Page {
    std::vector<Row> rows;
    bool more = false;                     ///< there is at least one row after these
    std::string next{};                    ///< cursor of the page after this; empty without more, or with includes
    std::optional<std::uint64_t> count{};  ///< all matching rows, when asked for
};

/// Errors: invalid, naming the first thing wrong. The same check for every store.
Result<void> check_query(const Schema& schema, const Query& query);

/// For stores that compare in memory: does `text` match a `like` pattern?
bool like_matches(std::string_view text, std::string_view pattern);

}  // namespace drover
