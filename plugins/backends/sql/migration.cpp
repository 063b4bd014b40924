#include "sql/migration.hpp"

#include <algorithm>
#include <optional>

#include "sql/cells.hpp"
#include "sql/tables.hpp"

namespace drover::sql {
namespace {

std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
    return text;
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> names;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        names.emplace_back(text.substr(0, comma));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return names;
}

FieldType kind_of(std::string_view name) {
    for (const auto type : {FieldType::boolean, FieldType::integer, FieldType::real, FieldType::text, FieldType::date,
                            FieldType::json, FieldType::reference})
        if (to_string(type) == name) return type;
    return FieldType::text;
}

std::string version_of(int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); }

/// Plans one type.
class TypePlan {
public:
    TypePlan(const Dialect& dialect, const ResourceType& type, const KnownType* known, MigrationPlan& plan)
        : dialect_(dialect), type_(type), known_(known), plan_(plan) {}

    Result<void> make() {
        if (!known_) {
            create();
            return ok;
        }
        if (known_->major > type_.major)
            return Error(Errc::unsupported,
                         "the database holds " + type_.name + " in version " +
                             version_of(known_->major, known_->minor) + ", this Drover knows " +
                             version_of(type_.major, type_.minor) + " and refuses a newer major",
                         "Run the newer Drover, or restore a backup from before its first start.");
        raised_ = type_.major > known_->major;
        newer_minor_ = known_->major == type_.major && known_->minor > type_.minor;
        std::size_t place = known_->fields.size();
        for (const auto& field : type_.fields) {
            auto planned = plan_field(field, place);
            if (!planned) return planned;
        }
        if (!newer_minor_) plan_indexes();
        const bool raises = raised_ || (known_->major == type_.major && type_.minor > known_->minor);
        if (raises)
            plan_.notes.push_back({"UPDATE drover_types SET major = ?, minor = ? WHERE name = ?",
                                   {Value(type_.major), Value(type_.minor), Value(type_.name)}});
        return ok;
    }

private:
    void create() {
        plan_.steps.push_back(create_table(dialect_, type_));
        plan_.notes.push_back({"INSERT INTO drover_types (name, major, minor) VALUES (?, ?, ?)",
                               {Value(type_.name), Value(type_.major), Value(type_.minor)}});
        std::size_t place = 0;
        for (const auto& field : type_.fields) note_field(field, place++);
        for (const auto& index : indexes_of(type_)) add_index(index);
    }

    Error wrong(const Field& field, const std::string& what, const std::string& hint) const {
        return Error(Errc::invalid, type_.name + "." + field.name + ": " + what, hint).with_detail("field", field.name);
    }

    Result<void> plan_field(const Field& field, std::size_t& place) {
        const auto before = std::find_if(known_->fields.begin(), known_->fields.end(),
                                         [&](const Field& other) { return other.name == field.name; });
        if (before != known_->fields.end()) return plan_change(field, *before);
        if (!field.nullable && field.fallback.is_null())
            return wrong(field, "a field that is never null cannot be added to records that exist",
                         "Give it a fallback with not_null(VALUE), or let it be null.");
        plan_.steps.push_back(add_column(dialect_, type_.name, field));
        note_field(field, place++);
        return ok;
    }

    /// Types that are kept in a column of one kind.
    static int storage_of(FieldType type) {
        switch (type) {
            case FieldType::real: return 1;
            case FieldType::text:
            case FieldType::json: return 2;
            default: return 0;
        }
    }

    Result<void> plan_change(const Field& field, const Field& before) {
        const std::string advice = "Raise the major version of " + type_.name + ", or declare a new field.";
        if (storage_of(field.type) != storage_of(before.type))
            return wrong(field,
                         "is kept as " + std::string(to_string(before.type)) + " and cannot become " +
                             std::string(to_string(field.type)),
                         "Declare a new field, copy the values, and stop declaring this one later.");
        std::string change;
        if (field.type != before.type) change = "became " + std::string(to_string(field.type));
        else if (field.nullable != before.nullable)
            change = field.nullable ? "may now be null" : "may no longer be null";
        else if (field.longest < before.longest) change = "became shorter";
        const bool grew = field.longest > before.longest;
        if (newer_minor_ && change.empty()) return ok;
        if (!change.empty() && !raised_)
            return wrong(field,
                         change + ", which is not additive to version " + version_of(known_->major, known_->minor),
                         advice);
        if (before.nullable && !field.nullable) {
            if (field.fallback.is_null())
                return wrong(field, "may no longer be null, but records that exist may hold null",
                             "Give it a fallback with not_null(VALUE).");
            plan_.notes.push_back({"UPDATE " + dialect_.quoted(type_.name) + " SET " + dialect_.quoted(field.name) +
                                       " = ?, " + dialect_.quoted("version") + " = " + dialect_.quoted("version") +
                                       " + 1 WHERE " + dialect_.quoted(field.name) + " IS NULL",
                                   {field.fallback}});
        }
        if (grew)
            for (auto& step : dialect_.widen(type_.name, field)) plan_.steps.push_back(std::move(step));
        if (!change.empty() || grew || field.fallback != before.fallback || field.target != before.target)
            plan_.notes.push_back(
                {"UPDATE drover_fields SET kind = ?, target = ?, longest = ?, nullable = ?, fallback = ? "
                 "WHERE type = ? AND name = ?",
                 {Value(to_string(field.type)), Value(field.target), Value(static_cast<std::int64_t>(field.longest)),
                  Value(field.nullable ? 1 : 0), Value(pack_value(field.fallback)), Value(type_.name),
                  Value(field.name)}});
        return ok;
    }

    void note_field(const Field& field, std::size_t place) {
        plan_.notes.push_back(
            {"INSERT INTO drover_fields (type, name, place, kind, target, longest, nullable, fallback) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
             {Value(type_.name), Value(field.name), Value(static_cast<std::int64_t>(place)),
              Value(to_string(field.type)), Value(field.target), Value(static_cast<std::int64_t>(field.longest)),
              Value(field.nullable ? 1 : 0), Value(pack_value(field.fallback))}});
    }

    void plan_indexes() {
        const auto wanted = indexes_of(type_);
        for (const auto& index : known_->indexes) {
            const bool stays = std::any_of(wanted.begin(), wanted.end(), [&](const Index& other) {
                return other.fields == index.fields && other.unique == index.unique;
            });
            if (stays) continue;
            const auto name = dialect_.index_name(type_.name, index);
            plan_.steps.push_back(dialect_.drop_index(type_.name, name));
            plan_.notes.push_back(
                {"DELETE FROM drover_indexes WHERE type = ? AND name = ?", {Value(type_.name), Value(name)}});
        }
        for (const auto& index : wanted) {
            const bool there = std::any_of(known_->indexes.begin(), known_->indexes.end(), [&](const Index& other) {
                return other.fields == index.fields && other.unique == index.unique;
            });
            if (!there) add_index(index);
        }
    }

    void add_index(const Index& index) {
        plan_.steps.push_back(create_index(dialect_, type_.name, index));
        plan_.notes.push_back({"INSERT INTO drover_indexes (type, name, fields, is_unique) VALUES (?, ?, ?, ?)",
                               {Value(type_.name), Value(dialect_.index_name(type_.name, index)),
                                Value(joined(index.fields)), Value(index.unique ? 1 : 0)}});
    }

    const Dialect& dialect_;
    const ResourceType& type_;
    const KnownType* known_;
    MigrationPlan& plan_;
    bool raised_ = false;
    bool newer_minor_ = false;
};

KnownType* find(std::vector<KnownType>& types, std::string_view name) {
    for (auto& type : types)
        if (type.name == name) return &type;
    return nullptr;
}

}  // namespace

Result<std::vector<KnownType>> read_known_types(Session& session) {
    std::vector<KnownType> types;
    auto read = session.select({"SELECT name, major, minor FROM drover_types ORDER BY name"}, [&](const Cells& cells) {
        types.push_back(
            {cells.text(0), static_cast<int>(cells.integer(1)), static_cast<int>(cells.integer(2)), {}, {}});
    });
    if (!read) return read.error();
    read = session.select(
        {"SELECT type, name, kind, target, longest, nullable, fallback FROM drover_fields ORDER BY type, place"},
        [&](const Cells& cells) {
            auto* const type = find(types, cells.text(0));
            if (!type) return;
            Field field;
            field.name = cells.text(1);
            field.type = kind_of(cells.text(2));
            field.target = cells.text(3);
            field.longest = static_cast<std::size_t>(cells.integer(4));
            field.nullable = cells.integer(5) != 0;
            field.fallback = unpack_value(cells.text(6));
            type->fields.push_back(std::move(field));
        });
    if (!read) return read.error();
    read = session.select({"SELECT type, fields, is_unique FROM drover_indexes ORDER BY type, name"},
                          [&](const Cells& cells) {
                              if (auto* const type = find(types, cells.text(0)))
                                  type->indexes.push_back({split(cells.text(1)), cells.integer(2) != 0});
                          });
    if (!read) return read.error();
    return types;
}

Result<MigrationPlan> plan_migration(const Dialect& dialect, const std::vector<KnownType>& known,
                                     const Schema& declared) {
    MigrationPlan plan;
    for (const auto& type : declared.types()) {
        const auto at =
            std::find_if(known.begin(), known.end(), [&](const KnownType& other) { return other.name == type->name; });
        auto planned = TypePlan(dialect, *type, at == known.end() ? nullptr : &*at, plan).make();
        if (!planned) return planned.error();
    }
    return plan;
}

}  // namespace drover::sql
