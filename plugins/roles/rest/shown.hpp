#pragma once

#include <set>

#include "rest_api.hpp"
#include "schema_sets.hpp"

namespace drover::rest {

/// The records that one include found for a row.
struct Included {
    const LinkSchema* link = nullptr;
    std::vector<const Record*> records{};
};

/// Writes rows as one caller sees them.
class RowWriter {
public:
    /// `base`: "http://host:8080/v1", in lower case. All of them outlive the writer.
    RowWriter(std::string& out, const SchemaSet& set, const Caller& caller, const std::string& base)
        : out_(out), set_(set), caller_(caller), base_(base) {}

    /// Credentials whose generated secret is shown this once.
    void reveal(std::set<std::int64_t> ids) { revealed_ = std::move(ids); }

    void append(const Record& record, const TypeSchema& type, const std::vector<Included>& included = {});

private:
    void append_row(const Record& record, const TypeSchema& type, const std::vector<Included>& included, bool bare);
    void append_links(const Record& record, const TypeSchema& type, const std::string& self, bool bare);
    void append_column(const Record& record, const TypeSchema& type, const FieldSchema& field);
    void append_inner(const ValueType& type, const boost::json::value& value);
    void append_date(const FieldSchema& field, std::int64_t milliseconds);
    void append_id(const std::string& base_type, std::int64_t id);

    std::string& out_;
    const SchemaSet& set_;
    const Caller& caller_;
    const std::string& base_;
    std::set<std::int64_t> revealed_;
};

/// May the caller see this row? By its account (and isPublic) where it has one; accounts see themselves.
bool may_see(const Caller& caller, const Record& record);
/// May the caller change it? As `may_see`, but public rows of others are for looking at only.
bool may_change(const Caller& caller, const Record& record);

/// A date's value as the store has it, a real as JSON: the value of a column by its name.
const Value& column_of(const Record& record, const TypeSchema& type, std::size_t column);

}  // namespace drover::rest
