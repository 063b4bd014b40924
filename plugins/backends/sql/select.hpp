#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "drover/store/batch.hpp"
#include "sql/dialect.hpp"

namespace drover::sql {

/// A checked query as SQL, and the way back from rows to a page.
class QueryPlan {
public:
    /// `query` has passed check_query. Errors: invalid (a cursor that is not ours).
    static Result<QueryPlan> make(const Schema& schema, const Dialect& dialect, const Query& query);

    /// Runs the selects in `session`; give it a transaction when `counts()`, so that both see one state.
    Result<Page> run(Session& session) const;
    bool counts() const { return count_.has_value(); }

private:
    struct Key {
        std::optional<std::size_t> field;  ///< position in the type's fields; none: the id
        bool descending = false;
    };
    QueryPlan() = default;
    Row read_row(const Cells& cells) const;
    std::string cursor_after(const Record& record) const;
    friend class QueryBuilder;

    std::shared_ptr<const ResourceType> type_;                   // owners: the schema and records
    std::vector<std::shared_ptr<const ResourceType>> included_;  // owners: the schema and records
    std::vector<Key> keys_;
    Statement page_;
    std::optional<Statement> count_;
    std::size_t limit_ = 0;
    std::uint64_t fingerprint_ = 0;
};

/// All columns of one record, by its id.
Statement select_record(const Dialect& dialect, const ResourceType& type, std::int64_t id);

}  // namespace drover::sql
