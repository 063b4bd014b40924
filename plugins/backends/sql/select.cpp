#include "sql/select.hpp"

#include <algorithm>
#include <bit>

#include "sql/cells.hpp"
#include "sql/cursor.hpp"
#include "sql/tables.hpp"

namespace drover::sql {
namespace {

/// A balanced tree of brackets: SQLite limits the depth of an expression, and a plain chain is as deep as long.
std::string join(const std::vector<std::string>& parts, std::string_view with, std::size_t first, std::size_t last) {
    if (last - first == 1) return parts[first];
    const auto middle = first + (last - first) / 2;
    return "(" + join(parts, with, first, middle) + std::string(with) + join(parts, with, middle, last) + ")";
}
std::string join(const std::vector<std::string>& parts, std::string_view with) {
    return join(parts, with, 0, parts.size());
}

std::string columns(const Dialect& dialect, const ResourceType& type, std::string_view alias) {
    auto text = column_of(dialect, alias, "id") + ", " + column_of(dialect, alias, "version");
    for (const auto& field : type.fields) text += ", " + column_of(dialect, alias, field.name);
    return text;
}

constexpr std::string_view kNever = "1 = 0";

}  // namespace

class QueryBuilder {
public:
    QueryBuilder(const Schema& schema, const Dialect& dialect, const Query& query)
        : schema_(schema), dialect_(dialect), query_(query) {}

    Result<QueryPlan> build() {
        QueryPlan plan;
        plan.type_ = schema_.share(query_.type);
        plan.limit_ = query_.limit;
        type_ = plan.type_.get();
        read_keys(plan);

        auto from = dialect_.quoted(type_->name) + " t";
        auto shown = columns(dialect_, *type_, "t");
        for (std::size_t i = 0; i < query_.include.size(); ++i) {
            const auto& link = *schema_.link(query_.type, query_.include[i]);
            plan.included_.push_back(schema_.share(link.target));
            from += joined(link, i);
            shown += ", " + columns(dialect_, *plan.included_.back(), "i" + std::to_string(i));
        }
        Statement where;
        std::vector<std::string> all;
        for (const auto& any : query_.where) all.push_back(any_of(where, any));
        where.text = all.empty() ? "" : " WHERE " + join(all, " AND ");

        Fingerprint fingerprint;
        fingerprint.add(shown + " FROM " + from + where.text + ordered(plan));
        for (const auto& value : where.values) fingerprint.add_value(value);
        plan.fingerprint_ = fingerprint.value();

        if (query_.count) plan.count_ = Statement{"SELECT COUNT(*) FROM " + from + where.text, where.values};
        if (!query_.cursor.empty()) {
            auto keys = read_cursor(query_.cursor, plan.fingerprint_);
            if (!keys) return keys.error();
            if (keys->size() != plan.keys_.size()) return Error(Errc::invalid, "the cursor was not made by this query");
            all.push_back(after(where, plan, *keys));
            where.text = " WHERE " + join(all, " AND ");
        }
        plan.page_ = {"SELECT " + shown + " FROM " + from + where.text + ordered(plan) + " LIMIT ? OFFSET ?",
                      std::move(where.values)};
        plan.page_.values.emplace_back(static_cast<std::int64_t>(query_.limit + 1));
        plan.page_.values.emplace_back(
            static_cast<std::int64_t>(std::min<std::uint64_t>(query_.offset, std::uint64_t{1} << 62)));
        return plan;
    }

private:
    void read_keys(QueryPlan& plan) const {
        for (const auto& by : query_.sort) {
            const QueryPlan::Key key{by.field == "id" ? std::nullopt : type_->find(by.field), by.descending};
            const bool seen = std::any_of(plan.keys_.begin(), plan.keys_.end(),
                                          [&](const auto& other) { return other.field == key.field; });
            if (!seen) plan.keys_.push_back(key);
            if (!key.field) return;  // what follows the id decides nothing
        }
        plan.keys_.push_back({std::nullopt, false});
    }

    std::string key_column(const QueryPlan::Key& key) const {
        return column_of(dialect_, "t", key.field ? std::string_view(type_->fields[*key.field].name) : "id");
    }

    std::string ordered(const QueryPlan& plan) const {
        std::string text = " ORDER BY ";
        for (const auto& key : plan.keys_) text += key_column(key) + (key.descending ? " DESC, " : ", ");
        text.resize(text.size() - 2);
        for (std::size_t i = 0; i < query_.include.size(); ++i)
            text += ", i" + std::to_string(i) + "." + dialect_.quoted("id");
        return text;
    }

    /// A map row whose far end is gone links nothing; hence the EXISTS. (A bracketed join inside the LEFT
    /// JOIN says the same, but SQLite then reads the whole map.)
    std::string joined(const Link& link, std::size_t number) const {
        const auto alias = "i" + std::to_string(number);
        const auto target = dialect_.quoted(link.target) + " " + alias;
        const auto id = column_of(dialect_, "t", "id");
        switch (link.kind) {
            case Link::Kind::reference:
                return " LEFT JOIN " + target + " ON " + column_of(dialect_, alias, "id") + " = " +
                       column_of(dialect_, "t", link.field);
            case Link::Kind::child:
                return " LEFT JOIN " + target + " ON " + column_of(dialect_, alias, link.field) + " = " + id;
            case Link::Kind::map: break;
        }
        const auto map = "m" + std::to_string(number);
        const auto far = column_of(dialect_, map, link.map_field);
        return " LEFT JOIN " + dialect_.quoted(link.map) + " " + map + " ON " + column_of(dialect_, map, link.field) +
               " = " + id + " AND EXISTS (SELECT 1 FROM " + dialect_.quoted(link.target) + " x WHERE " +
               column_of(dialect_, "x", "id") + " = " + far + ") LEFT JOIN " + target + " ON " +
               column_of(dialect_, alias, "id") + " = " + far;
    }

    std::string any_of(Statement& statement, const AnyOf& any) const {
        if (any.empty()) return std::string(kNever);
        std::vector<std::string> parts;
        for (const auto& condition : any) parts.push_back(holds(statement, condition));
        return join(parts, " OR ");
    }

    std::string holds(Statement& statement, const Condition& condition) const {
        const auto column = column_of(dialect_, "t", condition.field);
        const auto compare = [&](std::string_view sign) {
            statement.values.push_back(condition.values.front());
            return column + " " + std::string(sign) + " ?";
        };
        switch (condition.op) {
            case Op::is_null: return column + " IS NULL";
            case Op::not_null: return column + " IS NOT NULL";
            case Op::in: return in(statement, column, condition.values);
            default: break;
        }
        if (condition.values.front().is_null()) return std::string(kNever);
        switch (condition.op) {
            case Op::eq: return compare("=");
            case Op::ne: return compare("<>");
            case Op::lt: return compare("<");
            case Op::lte: return compare("<=");
            case Op::gt: return compare(">");
            case Op::gte: return compare(">=");
            case Op::like: statement.values.push_back(condition.values.front()); return dialect_.like(column);
            case Op::not_like:
                statement.values.push_back(condition.values.front());
                return "NOT " + dialect_.like(column);
            default: break;
        }
        Statement part;
        dialect_.add_prefix(part, column, condition.values.front().text());
        for (auto& value : part.values) statement.values.push_back(std::move(value));
        return part.text;
    }

    static std::string in(Statement& statement, const std::string& column, const std::vector<Value>& values) {
        std::vector<Value> given;
        for (const auto& value : values)
            if (!value.is_null()) given.push_back(value);
        if (given.empty()) return std::string(kNever);
        // Filled up to a power of two, so that few different statements have to be prepared.
        const auto size = std::bit_ceil(given.size());
        const Value last = given.back();
        given.resize(size, last);
        std::string text = column + " IN (?";
        for (std::size_t i = 1; i < size; ++i) text += ",?";
        for (auto& value : given) statement.values.push_back(std::move(value));
        return text + ")";
    }

    /// Does a row come after the one with these keys? By the first key that differs.
    std::string after(Statement& statement, const QueryPlan& plan, const std::vector<Value>& last) const {
        std::string lead;
        const auto& first = plan.keys_.front();
        if (plan.keys_.size() > 1 && !first.descending && !last.front().is_null()) {
            // Follows from the rest, but lets the database begin in the middle of an index.
            lead = key_column(first) + " >= ? AND ";
            statement.values.push_back(last.front());
        }
        std::vector<std::string> ways;
        for (std::size_t i = 0; i < plan.keys_.size(); ++i) {
            const auto column = key_column(plan.keys_[i]);
            const bool descending = plan.keys_[i].descending;
            if (last[i].is_null() && descending) continue;  // nothing comes after null
            std::vector<std::string> steps;
            for (std::size_t k = 0; k < i; ++k) {
                const auto same = key_column(plan.keys_[k]);
                steps.push_back(last[k].is_null() ? same + " IS NULL" : same + " = ?");
                if (!last[k].is_null()) statement.values.push_back(last[k]);
            }
            if (last[i].is_null()) {
                steps.push_back(column + " IS NOT NULL");
            } else {
                statement.values.push_back(last[i]);
                if (!descending) steps.push_back(column + " > ?");
                else if (!plan.keys_[i].field) steps.push_back(column + " < ?");
                else steps.push_back("(" + column + " < ? OR " + column + " IS NULL)");
            }
            ways.push_back(join(steps, " AND "));
        }
        if (ways.empty()) return std::string(kNever);
        return "(" + lead + join(ways, " OR ") + ")";
    }

    const Schema& schema_;
    const Dialect& dialect_;
    const Query& query_;
    const ResourceType* type_ = nullptr;
};

Result<QueryPlan> QueryPlan::make(const Schema& schema, const Dialect& dialect, const Query& query) {
    return QueryBuilder(schema, dialect, query).build();
}

Row QueryPlan::read_row(const Cells& cells) const {
    Row row{read_record(cells, 0, type_), {}};
    int column = columns_of(*type_);
    for (const auto& type : included_) {
        if (cells.is_null(column)) row.included.emplace_back();
        else row.included.emplace_back(read_record(cells, column, type));
        column += columns_of(*type);
    }
    return row;
}

std::string QueryPlan::cursor_after(const Record& record) const {
    std::vector<Value> keys;
    for (const auto& key : keys_) keys.push_back(key.field ? record.values()[*key.field] : Value(record.id()));
    return make_cursor(fingerprint_, keys);
}

Result<Page> QueryPlan::run(Session& session) const {
    Page page;
    if (count_) {
        const auto counted = session.select(
            *count_, [&](const Cells& cells) { page.count = static_cast<std::uint64_t>(cells.integer(0)); });
        if (!counted) return counted.error();
    }
    page.rows.reserve(std::min<std::size_t>(limit_ + 1, 128));
    const auto selected = session.select(page_, [&](const Cells& cells) {
        if (page.rows.size() == limit_) page.more = true;
        else page.rows.push_back(read_row(cells));
    });
    if (!selected) return selected.error();
    if (page.more && included_.empty()) page.next = cursor_after(page.rows.back().record);
    return page;
}

Statement select_record(const Dialect& dialect, const ResourceType& type, std::int64_t id) {
    return {"SELECT " + columns(dialect, type, "t") + " FROM " + dialect.quoted(type.name) + " t WHERE " +
                column_of(dialect, "t", "id") + " = ?",
            {Value(id)}};
}

}  // namespace drover::sql
