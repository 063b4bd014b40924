#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "drover/store/query.hpp"

namespace [[gnu::visibility("default")]] drover {

/// Stands for the id of the record that operation number `operation` of the same batch creates; it comes
/// before the one that uses it. For integer fields, and for references to that type.
struct CreatedBy {
    std::size_t operation = 0;
    bool operator==(const CreatedBy&) const = default;
};

using Term = std::variant<Value, CreatedBy>;
using Assignments = std::vector<std::pair<std::string, Term>>;

/// What must still hold for the operation, and with it the batch, to happen.
struct Expectation {
    std::string field;
    Value value;  ///< null expects null
};

/// The record gets a positive id, greater than that of any record made before it; none is used twice.
struct Create {
    std::string type;
    Assignments values{};
};

/// Raises the version, also when it assigns nothing.
struct Update {
    std::string type;
    std::int64_t id = 0;
    Assignments values{};
    std::vector<Expectation> expect{};
    std::optional<std::int64_t> version{};  ///< expects this version
};

struct Delete {
    std::string type;
    std::int64_t id = 0;
    std::vector<Expectation> expect{};
    std::optional<std::int64_t> version{};
};

/// Changes nothing, but the batch happens only if it holds.
struct Check {
    std::string type;
    std::int64_t id = 0;
    std::vector<Expectation> expect{};
    std::optional<std::int64_t> version{};
};

using Operation = std::variant<Create, Update, Delete, Check>;

inline constexpr std::size_t kMostOperations = 1'000;
inline constexpr std::size_t kLargestBatch = 16 * 1024 * 1024;  ///< bytes of values
inline constexpr std::size_t kLongestBatchId = 64;

struct Batch {
    /// Chosen by the caller, a UUID; empty for none. A batch whose id was committed before is not done
    /// again: the result of the first time is returned. Remembered for at least an hour.
    std::string id{};
    /// Done in this order, each seeing what those before it did; uniqueness holds after each of them. When
    /// several would fail, the first is reported.
    std::vector<Operation> operations{};
};

/// What became of the record of one operation: its id and its version after it (0 after a delete).
struct Changed {
    std::int64_t id = 0;
    std::int64_t version = 0;
    bool operator==(const Changed&) const = default;
};

struct Committed {
    Position position;
    std::vector<Changed> changed{};  ///< one for each operation
    bool operator==(const Committed&) const = default;
};

/// Errors: invalid, naming the operation and the field (details `operation`, `field`). The same check for
/// every store: types, sizes, nulls, references inside the batch.
Result<void> check_batch(const Schema& schema, const Batch& batch);

/// What stores answer when an expectation fails, so that all say the same.
/// Details: `operation`, and `field` (or `version`) with `seen`.
Error expectation_failed(std::size_t operation, std::string_view type, std::int64_t id, std::string_view field,
                         const Value& expected, const Value& seen);
Error record_missing(std::size_t operation, std::string_view type, std::int64_t id);
/// Details: `operation` (when known), `field` (several joined by commas), `unique` = "true".
Error not_unique(std::optional<std::size_t> operation, std::string_view type, std::string_view fields);

}  // namespace drover
