#pragma once

#include <string>
#include <vector>

#include "sql/dialect.hpp"

namespace drover::sql {

/// A type as its table stands: every field that ever had a column, in the order of the columns.
struct KnownType {
    std::string name;
    int major = 0;
    int minor = 0;
    std::vector<Field> fields;
    std::vector<Index> indexes;
};

Result<std::vector<KnownType>> read_known_types(Session& session);

/// What brings the tables from what they are to what is declared.
struct MigrationPlan {
    std::vector<std::string> steps;  ///< what an operator would call the migration: the statements on tables
    std::vector<Statement> notes;    ///< the store's own record of it
    bool nothing_to_do() const { return steps.empty() && notes.empty(); }
};

/// Errors: unsupported (a table of a newer major), invalid (not additive, and no raised major; or not to be
///         done without losing data), naming type and field.
Result<MigrationPlan> plan_migration(const Dialect& dialect, const std::vector<KnownType>& known,
                                     const Schema& declared);

}  // namespace drover::sql
