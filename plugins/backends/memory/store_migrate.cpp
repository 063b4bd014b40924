// From the tables that are to those that are declared; see Store::migrate for the rules.
#include <algorithm>

#include "store_state.hpp"

namespace drover::memory {
namespace {

std::string version_of(int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); }

struct WantedIndex {
    std::vector<std::string> fields;
    bool unique = false;
};

/// Declared indexes, those of single fields, and one for every reference, for joins.
std::vector<WantedIndex> indexes_of(const ResourceType& type) {
    std::vector<WantedIndex> wanted;
    const auto add = [&](std::vector<std::string> fields, bool unique) {
        const auto known =
            std::find_if(wanted.begin(), wanted.end(), [&](const auto& one) { return one.fields == fields; });
        if (known == wanted.end()) wanted.push_back({std::move(fields), unique});
        else known->unique = known->unique || unique;
    };
    for (const auto& field : type.fields)
        if (field.unique || field.indexed || field.type == FieldType::reference) add({field.name}, field.unique);
    for (const auto& index : type.indexes) add(index.fields, index.unique);
    return wanted;
}

CellKind storage_of(FieldType type) {
    switch (type) {
        case FieldType::boolean: return CellKind::boolean;
        case FieldType::real: return CellKind::real;
        case FieldType::text:
        case FieldType::json: return CellKind::text;
        default: return CellKind::integer;
    }
}

/// Plans the change of one type's table and, asked to, makes it.
class TypeMigration {
public:
    TypeMigration(StoreState& state, const ResourceType& type, std::vector<std::string>& steps)
        : state_(state), type_(type), steps_(steps) {
        const auto found = state.tables.find(type.name);
        table_ = found == state.tables.end() ? nullptr : found->second.get();
    }

    Result<void> check() {
        if (!table_) {
            steps_.push_back("make the table " + type_.name);
            return ok;
        }
        if (table_->major > type_.major)
            return Error(Errc::unsupported,
                         "the store holds " + type_.name + " in version " + version_of(table_->major, table_->minor) +
                             ", this server knows " + version_of(type_.major, type_.minor) +
                             " and refuses a newer major",
                         "Run the newer Drover.");
        for (const auto& field : type_.fields)
            if (auto checked = check_field(field); !checked) return checked;
        if (is_older()) return ok;
        for (const auto& wanted : indexes_of(type_))
            if (auto checked = check_index(wanted); !checked) return checked;
        if (type_.major != table_->major || type_.minor != table_->minor)
            steps_.push_back("raise " + type_.name + " from " + version_of(table_->major, table_->minor) + " to " +
                             version_of(type_.major, type_.minor));
        return ok;
    }

    void apply() {
        if (!table_) {
            auto& made = state_.tables[type_.name];
            made = std::make_unique<Table>(type_.name);
            table_ = made.get();
        }
        const bool older = is_older();
        for (const auto& field : type_.fields) {
            const auto column = table_->find_column(field.name);
            if (!column) table_->add_column(field);
            else if (!older) table_->change_column(*column, field);
        }
        if (older) return;
        apply_indexes();
        table_->major = type_.major;
        table_->minor = type_.minor;
    }

private:
    /// A newer minor is in the store: it stays as it is.
    bool is_older() const { return table_->major == type_.major && table_->minor > type_.minor; }
    bool raised() const { return type_.major > table_->major; }

    Error wrong(const Field& field, const std::string& what, std::string hint) const {
        return Error(Errc::invalid, type_.name + "." + field.name + " " + what, std::move(hint))
            .with_detail("field", field.name);
    }

    Result<void> check_field(const Field& field) {
        const auto column = table_->find_column(field.name);
        if (!column) {
            if (!field.nullable && field.fallback.is_null())
                return wrong(field, "is never null and has no fallback, so old records can not have it",
                             "Give it a fallback with not_null(VALUE), or let it be null.");
            steps_.push_back("add the field " + type_.name + "." + field.name);
            return ok;
        }
        const auto& before = table_->columns()[*column];
        if (storage_of(field.type) != storage_of(before.type))
            return wrong(field,
                         "holds " + std::string(to_string(before.type)) + " and can not become " +
                             std::string(to_string(field.type)),
                         "Declare a new field, copy the values, and stop declaring this one later.");
        if (is_older()) return ok;
        std::string change;
        if (field.type != before.type) change = "becomes " + std::string(to_string(field.type));
        else if (field.nullable != before.nullable) change = field.nullable ? "may be null now" : "is never null now";
        else if (field.longest < before.longest) change = "becomes shorter";
        if (!change.empty() && !raised())
            return wrong(field,
                         change + ", which is not additive to version " + version_of(table_->major, table_->minor),
                         "Raise the major version of " + type_.name + ", or declare a new field.");
        if (before.nullable && !field.nullable && field.fallback.is_null())
            return wrong(field, "is never null now, but old records may hold null",
                         "Give it a fallback with not_null(VALUE).");
        if (field.longest > before.longest) change = "becomes longer";
        else if (change.empty() && field.fallback != before.fallback) change = "gets another fallback";
        if (!change.empty()) steps_.push_back(type_.name + "." + field.name + " " + change);
        return ok;
    }

    std::optional<std::vector<std::size_t>> columns_of(const WantedIndex& wanted) const {
        std::vector<std::size_t> columns;
        for (const auto& field : wanted.fields) {
            const auto column = table_->find_column(field);
            if (!column) return std::nullopt;
            columns.push_back(*column);
        }
        return columns;
    }

    Result<void> check_index(const WantedIndex& wanted) {
        std::string names;
        for (const auto& field : wanted.fields) names += (names.empty() ? "" : ",") + field;
        const auto columns = columns_of(wanted);
        const auto* known = columns ? table_->find_index(*columns) : nullptr;
        if (known && known->unique() == wanted.unique) return ok;
        steps_.push_back("make the " + std::string(wanted.unique ? "unique " : "") + "index " + type_.name + "(" +
                         names + ")");
        if (wanted.unique && !can_be_unique(wanted))
            return Error(Errc::invalid, type_.name + ": records hold the same " + names + ", which is to be unique now",
                         "Make them differ first.")
                .with_detail("field", names);
        return ok;
    }

    /// Do the records of the table allow it? A field that is yet to be added holds its fallback in all of
    /// them, so it tells none from another.
    bool can_be_unique(const WantedIndex& wanted) const {
        std::vector<std::size_t> columns;
        for (const auto& name : wanted.fields) {
            if (const auto column = table_->find_column(name)) columns.push_back(*column);
            else if (type_.fields[*type_.find(name)].fallback.is_null()) return true;
        }
        if (columns.empty()) return table_->size() < 2;
        OrderedIndex trial(table_->shape(), columns, true);
        for (const auto* slot = table_->at_or_after(1); slot; slot = table_->at_or_after(slot->id + 1)) {
            auto key = trial.key_of(*slot);
            if (std::any_of(key.begin(), key.end(), [](const Cell& cell) { return cell.is_null(); })) continue;
            if (trial.find_equal(std::move(key))) return false;
            trial.insert(const_cast<Slot&>(*slot));
        }
        return true;
    }

    void apply_indexes() {
        std::vector<std::vector<std::size_t>> kept;
        for (const auto& wanted : indexes_of(type_)) {
            const auto columns = *columns_of(wanted);
            const auto* known = table_->find_index(columns);
            if (!known || known->unique() != wanted.unique) table_->add_index(columns, wanted.unique);
            kept.push_back(columns);
        }
        std::vector<std::vector<std::size_t>> dropped;
        for (const auto& index : table_->indexes())
            if (std::find(kept.begin(), kept.end(), index->columns()) == kept.end())
                dropped.push_back(index->columns());
        for (const auto& columns : dropped) table_->drop_index(columns);
    }

    StoreState& state_;
    const ResourceType& type_;
    std::vector<std::string>& steps_;
    Table* table_ = nullptr;
};

}  // namespace

Result<std::vector<std::string>> migrate_tables(StoreState& state, const Schema& schema, bool apply) {
    std::vector<std::string> steps;
    std::vector<TypeMigration> migrations;
    for (const auto& type : schema.types()) {
        migrations.emplace_back(state, *type, steps);
        if (auto checked = migrations.back().check(); !checked) return checked.error();
    }
    if (apply)
        for (auto& migration : migrations) migration.apply();
    return steps;
}

View make_view(StoreState& state, std::shared_ptr<const Schema> schema) {
    View view;
    for (const auto& type : schema->types()) {
        TypeView one{type, state.tables.find(type->name)->second.get()};
        for (const auto& field : type->fields) one.columns.push_back(*one.table->find_column(field.name));
        view.types.emplace(type->name, std::move(one));
    }
    view.schema = std::move(schema);
    return view;
}

}  // namespace drover::memory
