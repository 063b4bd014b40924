#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "drover/result.hpp"
#include "drover/store/value.hpp"

namespace drover::sql {

/// SQL with a question mark for each value. The text depends on the shape of a request only, never on its
/// values, so that a session can keep prepared statements by their text.
struct Statement {
    std::string text;
    std::vector<Value> values{};
};

/// The row a select stands on.
class Cells {
public:
    virtual ~Cells() = default;
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual double real(int column) const = 0;
    virtual std::string text(int column) const = 0;
};

struct Effect {
    std::int64_t rows = 0;    ///< changed
    std::int64_t number = 0;  ///< the id an insert gave, or the version an update raised: see Dialect::raised_version
};

/// One connection to a database, used by one thread at a time.
///
/// Errors of both verbs: those of `duplicate_key`; invalid; exhausted; unavailable; timeout.
class Session {
public:
    virtual ~Session() = default;
    virtual Result<Effect> execute(const Statement& statement) = 0;
    virtual Result<void> select(const Statement& statement, const std::function<void(const Cells&)>& row) = 0;
};

/// What a session answers when a unique index refuses a row: `conflict` with the index's `key`, as
/// Dialect::fields_of_key understands it.
Error duplicate_key(std::string key);
/// The key, or nothing when this is another error.
std::string_view key_of(const Error& error);

}  // namespace drover::sql
