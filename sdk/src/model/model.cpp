#include "drover/model/model.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "names.hpp"

namespace drover {
namespace {

using model_detail::lower;

constexpr std::array<std::string_view, 9> kSimpleTypes{"string", "password", "float", "int", "date",
                                                       "blob",   "boolean",  "enum",  "json"};
constexpr std::array<std::string_view, 3> kContainers{"reference", "array", "map"};

class Problems {
public:
    void add(std::string_view where, const std::string& what) {
        text_ += (text_.empty() ? "" : "; ") + std::string(where) + ": " + what;
    }
    bool none() const { return text_.empty(); }
    Error error() const { return Error(Errc::invalid, text_, "Mend the declarations of these types and processes."); }

private:
    std::string text_;
};

bool is_letters_of(std::string_view text, std::string_view allowed) {
    return text.find_first_not_of(allowed) == std::string_view::npos;
}

void check_access(std::string_view where, const AccessByKind& access, std::string_view allowed, Problems& problems) {
    for (const auto& [kind, letters] : access)
        if (!is_letters_of(letters, allowed))
            problems.add(where, "access of " + kind + " is \"" + letters + "\", allowed are letters of \"" +
                                    std::string(allowed) + "\"");
}

}  // namespace

/// Checks what was declared while it puts it together.
class ModelBuilder {
public:
    ModelBuilder(Model& model, Problems& problems) : model_(model), problems_(problems) {}

    void name_types(const Schema& schema) {
        for (const auto& type : schema.types()) {
            const bool declared = std::any_of(model_.types_.begin(), model_.types_.end(),
                                              [&](const ApiType& api) { return api.name == type->name; });
            if (declared) continue;
            ApiType plain;
            plain.name = type->name;
            model_.types_.push_back(std::move(plain));
        }
        for (std::size_t i = 0; i < model_.types_.size(); ++i) {
            const auto& type = model_.types_[i];
            if (type.name.empty()) problems_.add("(a type without a name)", "a type has a name");
            add_name(type.name, i, type.name);
            if (const auto plural = model_.plural(type); lower(plural) != lower(type.name))
                add_name(plural, i, type.name);
        }
    }

    void check_types(const Schema& schema) {
        for (const auto& type : model_.types_) {
            check_access(type.name, type.access, "crud", problems_);
            if (!type.base.empty() && !schema.find(type.base))
                problems_.add(type.name, "its base " + type.base + " is no resource type");
            if (!type.base.empty() && schema.find(type.name))
                problems_.add(type.name, "a resource type is no child of another");
            std::set<std::string> seen;
            for (const auto& field : type.fields) check_field(type, field, schema, seen);
        }
    }

    void add_processes() {
        for (std::size_t i = 0; i < model_.processes_.size(); ++i) {
            const auto& process = model_.processes_[i];
            if (!model_.process_names_.emplace(lower(process.name), i).second)
                problems_.add(process.name, "two processes have this name");
        }
        for (const auto& process : model_.processes_) check_process(process);
    }

private:
    void add_name(const std::string& name, std::size_t index, const std::string& type) {
        const auto [at, fresh] = model_.type_names_.emplace(lower(name), index);
        if (!fresh && at->second != index)
            problems_.add(type, "its name " + name + " is also that of " + model_.types_[at->second].name);
    }

    void check_field(const ApiType& type, const ApiField& field, const Schema& schema, std::set<std::string>& seen) {
        const auto where = type.name + "." + field.name;
        check_access(where, field.access, "cru", problems_);
        if (!seen.insert(lower(field.name)).second) problems_.add(where, "two fields have this name");
        const auto* resource = model_.resource(type);
        const bool stored = field.name == "id" || (resource && resource->find(field.name));
        if (field.type.empty()) {
            if (!stored) problems_.add(where, "a field that is not stored names its type");
            return;
        }
        if (!is_type(field.type, schema))
            problems_.add(where, "\"" + field.type +
                                     "\" is no type; allowed are string, password, float, int, date, "
                                     "blob, boolean, enum, reference[T], array[X], map[X] and the "
                                     "names of types");
        if (field.type == "enum" && field.options.empty()) problems_.add(where, "an enum lists its options");
    }

    /// "array[reference[host]]" is one when host is.
    bool is_type(std::string_view text, const Schema& schema) const {
        if (std::find(kSimpleTypes.begin(), kSimpleTypes.end(), text) != kSimpleTypes.end() || text == "type")
            return true;
        const auto open = text.find('[');
        if (open == std::string_view::npos) return schema.find(text) || model_.find(text);
        if (!text.ends_with(']')) return false;
        const auto inner = text.substr(open + 1, text.size() - open - 2);
        return std::find(kContainers.begin(), kContainers.end(), text.substr(0, open)) != kContainers.end() &&
               is_type(inner, schema);
    }

    void check_process(const ProcessDefinition& process) {
        const auto* type = model_.schema().find(process.resource_type);
        if (!type) {
            problems_.add(process.name, process.resource_type + " is no resource type");
            return;
        }
        const auto prefix = lower(type->name) + ".";
        if (process.name != lower(process.name) || !process.name.starts_with(prefix) ||
            process.name.size() == prefix.size())
            problems_.add(process.name, "a process of " + type->name + " is named " + prefix + "ACTION in lower case");
        if (const auto at = type->find(process.state_field); !at || type->fields[*at].type != FieldType::text)
            problems_.add(process.name,
                          "its state field " + process.state_field + " is no text field of " + type->name);
        if (process.changes.empty()) problems_.add(process.name, "it changes no state");
        std::set<std::string> starts;
        for (const auto& change : process.changes) {
            if (change.start.empty() || change.transitioning.empty() || change.done.empty())
                problems_.add(process.name, "each change has start states, a transitioning state and a done state");
            for (const auto& start : change.start)
                if (!starts.insert(start).second) problems_.add(process.name, "two changes start at " + start);
        }
        if (process.delegate.empty()) return;
        const auto* delegate = model_.process(process.delegate);
        if (!delegate) problems_.add(process.name, "its delegate " + process.delegate + " is no process");
        else if (delegate->resource_type != process.resource_type || delegate->state_field != process.state_field)
            problems_.add(process.name, "its delegate " + process.delegate + " changes another type or state field");
    }

    Model& model_;
    Problems& problems_;
};

Result<std::shared_ptr<const Model>> Model::make(std::vector<ResourceType> resources, std::vector<ApiType> api,
                                                 std::vector<ProcessDefinition> processes) {
    auto schema = Schema::make(std::move(resources));
    if (!schema) return schema.error();
    auto model = std::make_shared<Model>();
    model->schema_ = std::move(*schema);
    model->types_ = std::move(api);
    model->processes_ = std::move(processes);
    Problems problems;
    ModelBuilder builder(*model, problems);
    builder.name_types(*model->schema_);
    builder.check_types(*model->schema_);
    builder.add_processes();
    if (!problems.none()) return problems.error();
    return std::shared_ptr<const Model>(std::move(model));
}

const ApiType* Model::find(std::string_view name) const {
    const auto found = type_names_.find(lower(name));
    return found == type_names_.end() ? nullptr : &types_[found->second];
}

const ResourceType* Model::resource(const ApiType& type) const {
    return schema_->find(type.base.empty() ? type.name : type.base);
}

const ApiType* Model::shown_as(const Record& record) const {
    const auto kind = record["kind"].text();
    if (!kind.empty()) {
        const auto* child = find(kind);
        if (child && child->name == kind && child->base == record.type().name) return child;
    }
    return find(record.type().name);
}

std::string Model::plural(const ApiType& type) const {
    if (!type.plural.empty()) return type.plural;
    const auto* same = type.base.empty() ? schema_->find(type.name) : nullptr;
    return same && !same->plural.empty() ? same->plural : plural_of(type.name);
}

std::vector<const ApiType*> Model::children(std::string_view resource_type) const {
    std::vector<const ApiType*> all;
    for (const auto& type : types_)
        if (!type.base.empty() && type.base == resource_type) all.push_back(&type);
    return all;
}

const ProcessDefinition* Model::process(std::string_view name) const {
    const auto found = process_names_.find(lower(name));
    return found == process_names_.end() ? nullptr : &processes_[found->second];
}

std::vector<std::pair<std::string, const ProcessDefinition*>> Model::processes_of(
    std::string_view resource_type) const {
    std::vector<std::pair<std::string, const ProcessDefinition*>> all;
    for (const auto& process : processes_)
        if (process.resource_type == resource_type)
            all.emplace_back(process.name.substr(process.name.find('.') + 1), &process);
    return all;
}

bool Model::is_transitioning(std::string_view resource_type, std::string_view state) const {
    return std::any_of(processes_.begin(), processes_.end(), [&](const ProcessDefinition& process) {
        return process.resource_type == resource_type && process.state_field == "state" && process.in_transition(state);
    });
}

}  // namespace drover
