#include "schema_sets.hpp"

#include <algorithm>

#include "drover/secrets.hpp"
#include "json_text.hpp"

namespace drover::rest {
namespace {

std::string_view letters_for(const AccessByKind& access, std::string_view kind) {
    const auto found = access.find(kind);
    return found == access.end() ? std::string_view() : std::string_view(found->second);
}

bool has(std::string_view letters, char letter) { return letters.find(letter) != std::string_view::npos; }

/// What `kind` may do with a type. readAdmin sees what admin sees.
std::string type_access(const ApiType& type, std::string_view kind) {
    if (type.access.contains(kind)) return std::string(letters_for(type.access, kind));
    if (kind == "readAdmin") return has(type_access(type, "admin"), 'r') ? "r" : "";
    if (kind == "admin" || kind == "superadmin" || kind == "base") return "crud";
    return "";
}

std::string field_access(const ApiField* declared, std::string_view field, std::string_view kind) {
    if (declared && declared->access.contains(kind)) return std::string(letters_for(declared->access, kind));
    if (kind == "readAdmin") return has(field_access(declared, field, "admin"), 'r') ? "r" : "";
    return std::string(default_access(kind, field));
}

std::string api_type_of(const Field& field) {
    switch (field.type) {
        case FieldType::boolean: return "boolean";
        case FieldType::integer: return "int";
        case FieldType::real: return "float";
        case FieldType::text: return "string";
        case FieldType::date: return "date";
        case FieldType::json: return "map[type]";
        case FieldType::reference: return "reference[" + field.target + "]";
    }
    return "string";
}

boost::json::value to_json(const Value& value) {
    if (value.is_null()) return nullptr;
    if (const auto* flag = value.if_boolean()) return *flag;
    if (const auto* number = value.if_integer()) return *number;
    if (const auto* real = value.if_real()) return *real;
    return boost::json::value(boost::json::string(value.text()));
}

std::vector<std::string> modifiers_of(const FieldSchema& field, const ResourceType* resource) {
    using Source = FieldSchema::Source;
    if (!resource || (field.source != Source::column && field.source != Source::id)) return {};
    auto kind = field.type.kind;
    if (field.source == Source::column) {
        const auto stored = resource->fields[field.column].type;
        if (stored == FieldType::json) return {};
        // Shown as text, but kept as a number: compared as what is kept.
        if (kind == ValueType::Kind::text && stored != FieldType::text) kind = ValueType::Kind::integer;
    }
    switch (kind) {
        case ValueType::Kind::text:
            if (field.type.name == "enum") return {"eq", "ne", "null", "notnull"};
            return {"eq", "ne", "prefix", "like", "notlike", "null", "notnull"};
        case ValueType::Kind::integer:
        case ValueType::Kind::real:
        case ValueType::Kind::date: return {"eq", "ne", "lt", "lte", "gt", "gte", "null", "notnull"};
        case ValueType::Kind::boolean:
        case ValueType::Kind::reference: return {"eq", "ne", "null", "notnull"};
        default: return {};
    }
}

/// The types that a field's type names.
void named_types(const ValueType& type, std::vector<std::string>& names) {
    if (type.element) named_types(*type.element, names);
    else if (type.kind == ValueType::Kind::reference) names.push_back(type.target);
    else if (type.kind == ValueType::Kind::any && type.name != "type" && type.name != "json" && !type.name.empty())
        names.push_back(type.name);
}

}  // namespace

ValueType parse_value_type(std::string_view text) {
    using Kind = ValueType::Kind;
    ValueType type;
    type.name = std::string(text);
    const auto open = text.find('[');
    if (open != std::string_view::npos && text.ends_with(']')) {
        const auto outer = text.substr(0, open);
        const auto inner = text.substr(open + 1, text.size() - open - 2);
        if (outer == "reference") {
            type.kind = Kind::reference;
            type.target = std::string(inner);
            return type;
        }
        if (outer == "array" || outer == "map") {
            type.kind = outer == "array" ? Kind::array : Kind::map;
            type.element = std::make_shared<ValueType>(parse_value_type(inner));
            return type;
        }
    }
    if (text == "string" || text == "password" || text == "blob" || text == "enum") type.kind = Kind::text;
    else if (text == "float") type.kind = Kind::real;
    else if (text == "int") type.kind = Kind::integer;
    else if (text == "date") type.kind = Kind::date;
    else if (text == "boolean") type.kind = Kind::boolean;
    return type;
}

const FieldSchema* TypeSchema::field(std::string_view field_name) const {
    const auto found = field_names.find(field_name);
    return found == field_names.end() ? nullptr : &fields[found->second];
}

const LinkSchema* TypeSchema::link(std::string_view link_name) const {
    const auto wanted = lower(link_name);
    const auto found = std::find_if(links.begin(), links.end(), [&](const auto& one) { return one.path == wanted; });
    return found == links.end() ? nullptr : &*found;
}

const ActionSchema* TypeSchema::action(std::string_view action_name) const {
    const auto wanted = lower(action_name);
    const auto found =
        std::find_if(actions.begin(), actions.end(), [&](const auto& one) { return one.path == wanted; });
    return found == actions.end() ? nullptr : &*found;
}

const TypeSchema* SchemaSet::find(std::string_view name) const {
    auto found = names_.find(name);  // most are asked for in lower case already
    if (found == names_.end()) found = names_.find(lower(name));
    return found == names_.end() ? nullptr : found->second;
}

const TypeSchema* SchemaSet::of_row(const Record& record) const {
    const auto& base = record.type().name;
    if (const auto family = children_.find(base); family != children_.end()) {
        const auto child = family->second.find(std::string(record["kind"].text()));
        if (child != family->second.end()) return child->second;
    }
    return find(base);
}

SchemaSets::SchemaSets(std::shared_ptr<const Model> model, std::set<std::string> answered, std::set<std::string> only)
    : model_(std::move(model)), answered_(std::move(answered)), only_(std::move(only)) {
    for (const auto& type : model_->types()) all_.push_back(&type);
    for (const auto& type : own_types())
        if (!model_->find(type.name)) all_.push_back(&type);
}

bool SchemaSets::knows(std::string_view kind) {
    static const std::set<std::string, std::less<>> kKinds{"admin", "user",       "readAdmin", "agentRegister",
                                                           "agent", "superadmin", "base"};
    return kKinds.contains(kind);
}

std::shared_ptr<const SchemaSet> SchemaSets::of(std::string_view kind) {
    const std::string wanted(knows(kind) ? kind : "base");
    const std::lock_guard lock(mutex_);
    auto& set = sets_[wanted];
    if (!set) set = make(wanted);
    return set;
}

const ApiType* SchemaSets::find(std::string_view name) const {
    const auto wanted = lower(name);
    for (const auto* type : all_) {
        if (lower(type->name) == wanted) return type;
        const auto plural = model_->find(type->name) ? model_->plural(*type) : type->plural;
        if (lower(plural.empty() ? plural_of(type->name) : plural) == wanted) return type;
    }
    return nullptr;
}

namespace {

/// Makes one type of one set, links and dropped fields aside.
class TypeMaker {
public:
    TypeMaker(const Model& model, const ApiType& api, std::string_view kind, bool is_answered)
        : model_(model), api_(api), kind_(kind), answered_(is_answered) {}

    std::unique_ptr<TypeSchema> make() {
        auto& type = *made_;
        type.name = api_.name;
        type.plural = model_.find(api_.name) ? model_.plural(api_) : api_.plural;
        if (type.plural.empty()) type.plural = plural_of(api_.name);
        type.path = lower(type.plural);
        type.is_child = !api_.base.empty();
        type.base = type.is_child ? api_.base : api_.name;
        type.resource = model_.find(api_.name) ? model_.resource(api_) : nullptr;
        type.id_prefix = format_id(type.base, "0");
        type.id_prefix.pop_back();
        const auto letters = type_access(api_, kind_);
        const bool there = type.resource != nullptr || answered_;
        type.list = type.get = there && has(letters, 'r');
        type.create = there && has(letters, 'c');
        type.update = there && has(letters, 'u');
        type.remove = there && has(letters, 'd');
        if (type.resource) add_columns();
        else add_id();
        if (const auto* base = type.is_child && api_.inherits ? model_.find(api_.base) : nullptr) add_declared(*base);
        add_declared(api_);
        add_processes();
        for (const auto& field : type.fields) {
            using Source = FieldSchema::Source;
            if (field.shown && field.source != Source::id && field.source != Source::column) type.needs_data = true;
        }
        return std::move(made_);
    }

private:
    const ApiField* declared(std::string_view name) const {
        const auto in = [&](const ApiType& type) -> const ApiField* {
            for (const auto& field : type.fields)
                if (field.name == name) return &field;
            return nullptr;
        };
        if (const auto* own = in(api_)) return own;
        const auto* base = !api_.base.empty() && api_.inherits ? model_.find(api_.base) : nullptr;
        return base ? in(*base) : nullptr;
    }

    void add(FieldSchema field, const ApiField* said) {
        auto letters = field_access(said, field.name, kind_);
        // A child says of a field of its base what differs; whom it does not name has what the base gives.
        if (said && !said->access.contains(kind_) && !api_.base.empty()) {
            const auto* base = model_.find(api_.base);
            for (const auto& one : base ? base->fields : std::vector<ApiField>())
                if (one.name == field.name) letters = field_access(&one, field.name, kind_);
        }
        if (letters.empty() || field.name == kSecretOnceField) return;
        if (!has(letters, 'r')) field.shown = false;
        field.create = has(letters, 'c');
        field.update = has(letters, 'u');
        if (said) {
            field.required = said->required;
            field.unique = said->unique;
            field.shown = field.shown && said->shown;
            if (said->nullable) field.nullable = *said->nullable;
            if (!said->fallback.is_null()) field.fallback = said->fallback;
            if (!said->type.empty()) field.type = parse_value_type(said->type);
            field.min = said->min;
            field.max = said->max;
            field.min_length = said->min_length;
            if (said->max_length) field.max_length = said->max_length;
            field.options = said->options;
            field.valid_chars = said->valid_chars;
            field.invalid_chars = said->invalid_chars;
            field.about = said->about;
        }
        field.modifiers = modifiers_of(field, made_->resource);
        field.key = ",\"" + field.name + "\":";
        if (field.type.kind == ValueType::Kind::date) field.date_key = ",\"" + field.name + "TS\":";
        made_->field_names[field.name] = made_->fields.size();
        made_->fields.push_back(std::move(field));
    }

    void add_id() {
        FieldSchema field;
        field.name = "id";
        field.source = FieldSchema::Source::id;
        field.type = parse_value_type(made_->resource ? "int" : "string");
        field.nullable = false;
        const auto* said = declared("id");
        ApiField plain;
        plain.name = "id";
        plain.access[kind_] = "r";
        if (!said && !made_->resource) said = &plain;
        add(std::move(field), said);
        if (auto* own = made_->field_names.contains("id") ? &made_->fields[made_->field_names["id"]] : nullptr)
            own->create = own->update = false;
    }

    void add_columns() {
        auto& type = *made_;
        add_id();
        for (std::size_t i = 0; i < type.resource->fields.size(); ++i) {
            const auto& column = type.resource->fields[i];
            remember(column.name, i);
            FieldSchema field;
            field.name = column.name;
            field.source = FieldSchema::Source::column;
            field.column = i;
            field.type = parse_value_type(api_type_of(column));
            field.fallback = to_json(column.fallback);
            field.nullable = column.nullable || column.type == FieldType::text;
            if (column.type == FieldType::text || column.type == FieldType::json)
                field.max_length = static_cast<std::int64_t>(column.longest);
            field.about = column.summary;
            add(std::move(field), declared(column.name));
        }
    }

    void remember(std::string_view name, std::size_t at) {
        auto& type = *made_;
        if (name == "accountId") type.account = at;
        else if (name == "isPublic") type.is_public = at;
        else if (name == "state") type.state = at;
        else if (name == "removed") type.removed = at;
        else if (name == "removeTime") type.remove_time = at;
        else if (name == "kind") type.kind = at;
        else if (name == "data") type.data = at;
    }

    void add_declared(const ApiType& from) {
        for (const auto& said : from.fields) {
            if (said.name == "id" || made_->field_names.contains(said.name)) continue;
            if (made_->resource && made_->resource->find(said.name)) continue;
            FieldSchema field;
            field.name = said.name;
            field.type = parse_value_type(said.type);
            add(std::move(field), declared(said.name));
        }
    }

    void add_processes() {
        auto& type = *made_;
        if (!type.resource) return;
        for (const auto& [name, process] : model_.processes_of(type.resource->name)) {
            type.has_processes = true;
            for (const auto& change : process->changes)
                if (process->state_field == "state") type.transitioning.insert(change.transitioning);
            type.actions.push_back({name, {}, type.name, process->name, lower(name)});
        }
        const auto own_actions = [&](const ApiType& from) {
            for (const auto& action : from.actions) {
                const auto same = std::find_if(type.actions.begin(), type.actions.end(),
                                               [&](const auto& one) { return one.path == lower(action.name); });
                if (same != type.actions.end()) {
                    same->input = action.input;
                    if (!action.output.empty()) same->output = action.output;
                } else {
                    type.actions.push_back({action.name,
                                            action.input,
                                            action.output.empty() ? type.name : action.output,
                                            {},
                                            lower(action.name)});
                }
            }
        };
        if (const auto* base = type.is_child ? model_.find(api_.base) : nullptr) own_actions(*base);
        own_actions(api_);
        if (kind_ == "readAdmin" || kind_ == "agent" || kind_ == "agentRegister") type.actions.clear();
        std::sort(type.actions.begin(), type.actions.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
        if (!type.has_processes) return;
        using Source = FieldSchema::Source;
        add_transitioning("transitioning", "enum", Source::transitioning);
        add_transitioning("transitioningMessage", "string", Source::transitioning_message);
        add_transitioning("transitioningProgress", "int", Source::transitioning_progress);
    }

    void add_transitioning(std::string name, std::string_view value_type, FieldSchema::Source source) {
        if (made_->field_names.contains(name)) return;
        FieldSchema field;
        field.name = std::move(name);
        field.source = source;
        field.type = parse_value_type(value_type);
        if (source == FieldSchema::Source::transitioning) field.options = {"yes", "no", "error"};
        const auto* said = declared(field.name);
        add(std::move(field), said);
    }

    const Model& model_;
    const ApiType& api_;
    const std::string kind_;
    const bool answered_;
    std::unique_ptr<TypeSchema> made_ = std::make_unique<TypeSchema>();
};

/// Fields whose type names one that is not in the set go, with their filters.
void drop_dangling_fields(SchemaSet& set) {
    for (auto& type : set.types) {
        std::erase_if(type->fields, [&](const FieldSchema& field) {
            std::vector<std::string> names;
            named_types(field.type, names);
            return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return !set.find(name); });
        });
        type->field_names.clear();
        for (std::size_t i = 0; i < type->fields.size(); ++i) type->field_names[type->fields[i].name] = i;
    }
}

void add_links(SchemaSet& set, const Schema& schema) {
    for (auto& type : set.types) {
        if (!type->resource) continue;
        for (const auto& link : schema.links(type->resource->name)) {
            const auto* target = set.find(link.target);
            if (!target || !target->get) continue;
            LinkSchema made;
            made.name = link.name;
            made.path = lower(link.name);
            made.link = &link;
            made.target = target;
            if (link.kind == Link::Kind::reference) {
                const auto* field = type->field(link.field);
                if (!field || !field->shown) continue;
                made.column = field->column;
            } else if (link.kind == Link::Kind::map) {
                for (const auto& other : schema.links(type->resource->name))
                    if (other.kind == Link::Kind::child && other.target == link.map && other.field == link.field)
                        made.map_link = other.name;
                if (made.map_link.empty()) continue;
            }
            type->links.push_back(std::move(made));
        }
    }
}

}  // namespace

std::shared_ptr<const SchemaSet> SchemaSets::make(const std::string& kind) const {
    auto set = std::make_shared<SchemaSet>();
    set->kind = kind;
    for (const auto* api : all_) {
        if (!only_.empty() && !only_.contains(api->name)) continue;
        if (type_access(*api, kind).empty()) continue;
        auto type = TypeMaker(*model_, *api, kind, answered_.contains(api->name)).make();
        set->names_[lower(type->name)] = type.get();
        set->names_.emplace(type->path, type.get());
        set->types.push_back(std::move(type));
    }
    drop_dangling_fields(*set);
    add_links(*set, model_->schema());
    for (auto& type : set->types) {
        if (type->is_child) set->children_[type->base][type->name] = type.get();
        if (type->resource)
            for (auto& other : set->types)
                if (other->is_child && other->base == type->name) type->children.push_back(other.get());
        if (type->name == "processInstance") type->extra_links.emplace_back("explain", "explain");
    }
    std::sort(set->types.begin(), set->types.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
    for (auto& type : set->types) type->tail = schema_tail(*type);
    return set;
}

}  // namespace drover::rest
