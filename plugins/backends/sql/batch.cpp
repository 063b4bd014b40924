#include "sql/batch.hpp"

#include <algorithm>

#include "sql/cells.hpp"

namespace drover::sql {
namespace {

class BatchRun {
public:
    BatchRun(Session& session, const Dialect& dialect, const Schema& schema)
        : session_(session), dialect_(dialect), schema_(schema) {}

    Result<std::vector<Changed>> run(const Batch& batch) {
        changed_.reserve(batch.operations.size());
        for (const auto& operation : batch.operations) {
            auto done = std::visit([this](const auto& one) { return carry_out(one); }, operation);
            if (!done) return done.error();
            changed_.push_back(*done);
        }
        return std::move(changed_);
    }

private:
    std::size_t at() const { return changed_.size(); }

    /// All declared fields, given or not: one statement for each type.
    Result<Changed> carry_out(const Create& create) {
        const auto& type = *schema_.find(create.type);
        auto insert = begin("INSERT INTO ", type, " (");
        dialect_.append_quoted(insert.text, "version");
        insert.values.reserve(type.fields.size() + 1);
        insert.values.emplace_back(1);
        for (const auto& field : type.fields) {
            insert.text += ", ";
            dialect_.append_quoted(insert.text, field.name);
            insert.values.push_back(field.fallback);
        }
        insert.text += ") VALUES (?";
        for (std::size_t i = 0; i < type.fields.size(); ++i) insert.text += ",?";
        insert.text += ")";
        for (const auto& [name, term] : create.values) insert.values[*type.find(name) + 1] = resolved(term);
        const auto done = session_.execute(insert);
        if (!done) return told(done.error(), type);
        return Changed{done->number, 1};
    }

    Result<Changed> carry_out(const Update& update) {
        const auto& type = *schema_.find(update.type);
        auto statement = begin("UPDATE ", type, " SET ");
        statement.values.reserve(update.values.size() + update.expect.size() + 2);
        for (const auto& [name, term] : update.values) {
            dialect_.append_quoted(statement.text, name);
            statement.text += " = ?, ";
            statement.values.push_back(resolved(term));
        }
        dialect_.append_quoted(statement.text, "version");
        statement.text += " = ";
        statement.text += dialect_.raised_version();
        append_expected(statement, update);
        const auto done = session_.execute(statement);
        if (!done) return told(done.error(), type);
        if (done->rows == 0) return refusal(type, update);
        return Changed{update.id, done->number};
    }

    Result<Changed> carry_out(const Delete& erase) {
        const auto& type = *schema_.find(erase.type);
        auto statement = begin("DELETE FROM ", type, "");
        append_expected(statement, erase);
        const auto done = session_.execute(statement);
        if (!done) return told(done.error(), type);
        if (done->rows == 0) return refusal(type, erase);
        return Changed{erase.id, 0};
    }

    Result<Changed> carry_out(const Check& check) {
        const auto& type = *schema_.find(check.type);
        std::int64_t version = 0;
        auto held = compare(type, check, version);
        if (!held) return held.error();
        return Changed{check.id, version};
    }

    Value resolved(const Term& term) const {
        if (const auto* created = std::get_if<CreatedBy>(&term)) return changed_[created->operation].id;
        return std::get<Value>(term);
    }

    Statement begin(std::string_view verb, const ResourceType& type, std::string_view rest) const {
        Statement statement;
        statement.text.reserve(512);
        statement.text += verb;
        dialect_.append_quoted(statement.text, type.name);
        statement.text += rest;
        return statement;
    }

    /// Condition that the record is as expected, so that checking and changing are one statement.
    template <class Expecting>
    void append_expected(Statement& statement, const Expecting& operation) const {
        auto& text = statement.text;
        text += " WHERE ";
        dialect_.append_quoted(text, "id");
        text += " = ?";
        statement.values.emplace_back(operation.id);
        if (operation.version) {
            text += " AND ";
            dialect_.append_quoted(text, "version");
            text += " = ?";
            statement.values.emplace_back(*operation.version);
        }
        for (const auto& one : operation.expect) {
            text += " AND ";
            dialect_.append_quoted(text, one.field);
            text += one.value.is_null() ? " IS NULL" : " = ?";
            if (!one.value.is_null()) statement.values.push_back(one.value);
        }
    }

    /// Reads the record and names the first expectation that does not hold.
    template <class Expecting>
    Result<void> compare(const ResourceType& type, const Expecting& operation, std::int64_t& version) {
        Statement select{"SELECT " + dialect_.quoted("version"), {Value(operation.id)}};
        for (const auto& one : operation.expect) select.text += ", " + dialect_.quoted(one.field);
        select.text +=
            " FROM " + dialect_.quoted(type.name) + " WHERE " + dialect_.quoted("id") + " = ?" + dialect_.locking();
        bool found = false;
        Result<void> verdict = ok;
        const auto selected = session_.select(select, [&](const Cells& cells) {
            found = true;
            version = cells.integer(0);
            if (operation.version && *operation.version != version) {
                verdict = expectation_failed(at(), type.name, operation.id, "version", Value(*operation.version),
                                             Value(version));
                return;
            }
            int column = 1;
            for (const auto& one : operation.expect) {
                const auto seen = read_value(cells, column++, type.fields[*type.find(one.field)].type);
                if (seen == one.value) continue;
                verdict = expectation_failed(at(), type.name, operation.id, one.field, one.value, seen);
                return;
            }
        });
        if (!selected) return selected.error();
        if (!found) return record_missing(at(), type.name, operation.id);
        return verdict;
    }

    template <class Expecting>
    Error refusal(const ResourceType& type, const Expecting& operation) {
        std::int64_t version = 0;
        auto held = compare(type, operation, version);
        if (!held) return held.error();
        return Error(Errc::internal, type.name + " " + std::to_string(operation.id) +
                                         ": the database changed no row although every expectation holds");
    }

    Error told(const Error& error, const ResourceType& type) const {
        const auto key = key_of(error);
        if (key.empty()) return error;
        std::string fields;
        for (const auto& field : dialect_.fields_of_key(type, key)) fields += (fields.empty() ? "" : ",") + field;
        return not_unique(at(), type.name, fields);
    }

    Session& session_;
    const Dialect& dialect_;
    const Schema& schema_;
    std::vector<Changed> changed_;
};

}  // namespace

Result<std::vector<Changed>> run_batch(Session& session, const Dialect& dialect, const Schema& schema,
                                       const Batch& batch) {
    return BatchRun(session, dialect, schema).run(batch);
}

bool changes_something(const Batch& batch) {
    return std::any_of(batch.operations.begin(), batch.operations.end(),
                       [](const Operation& operation) { return !std::holds_alternative<Check>(operation); });
}

}  // namespace drover::sql
