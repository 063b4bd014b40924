#include "drover/store/resource_type.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "fits.hpp"

namespace drover {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::size_t kLongestText = 65'535;

std::string lower(std::string_view text) {
    std::string small(text);
    for (char& c : small)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return small;
}

bool is_name(std::string_view name, bool underscores = false) {
    if (name.empty() || name.size() > kLongestName || name.front() < 'a' || name.front() > 'z') return false;
    return std::all_of(name.begin(), name.end(), [underscores](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (underscores && c == '_');
    });
}

/// "hostId" gives "host"; empty when the name does not end so.
std::string_view link_name(std::string_view field) {
    return field.size() > 2 && field.ends_with("Id") ? field.substr(0, field.size() - 2) : std::string_view();
}

std::string capitalised(std::string_view name) {
    std::string result(name);
    if (!result.empty() && result[0] >= 'a' && result[0] <= 'z') result[0] = static_cast<char>(result[0] - 'a' + 'A');
    return result;
}

/// Collects what is wrong, so that an author mends all of it at once.
class Problems {
public:
    void add(std::string_view type, std::string_view what) {
        if (!text_.empty()) text_ += "; ";
        text_ += std::string(type) + ": " + std::string(what);
    }
    bool none() const { return text_.empty(); }
    Error error() const { return Error(Errc::invalid, text_, "Mend the declarations of these resource types."); }

private:
    std::string text_;
};

std::size_t index_bytes(const Field& field) { return field.type == FieldType::text ? field.longest : 9; }

void check_field(const ResourceType& type, const Field& field, Problems& problems) {
    const auto wrong = [&](std::string_view what) { problems.add(type.name + "." + field.name, what); };
    if (!is_name(field.name)) wrong("a field's name is a lower-case letter and at most 63 more letters and digits");
    if (lower(field.name) == "id" || lower(field.name) == "version") wrong("this name is the store's own");
    const bool sized = field.type == FieldType::text || field.type == FieldType::json;
    if (sized && (field.longest == 0 || field.longest > kLongestText))
        wrong("longest is " + std::to_string(field.longest) + ", allowed are 1 to 65535 bytes");
    if (field.type == FieldType::reference) {
        if (link_name(field.name).empty()) wrong("the name of a reference ends in Id");
    } else if (!field.target.empty()) {
        wrong("only a reference has a target");
    }
    if (field.type == FieldType::json && (field.unique || field.indexed)) wrong("json can not be indexed");
    if ((field.unique || field.indexed) && index_bytes(field) > kLongestIndex)
        wrong("an index holds at most " + std::to_string(kLongestIndex) + " bytes, this field up to " +
              std::to_string(field.longest));
    if (!field.fallback.is_null()) {
        if (const auto why = store_detail::unstorable(field, field.fallback)) wrong("its fallback " + *why);
        if (field.unique) wrong("a unique field has no fallback, the second record could not be made");
    }
}

void check_indexes(const ResourceType& type, Problems& problems) {
    for (const auto& index : type.indexes) {
        if (index.fields.empty()) problems.add(type.name, "an index has no fields");
        std::set<std::string> seen;
        std::size_t bytes = 0;
        for (const auto& name : index.fields) {
            const auto at = type.find(name);
            if (!at) {
                problems.add(type.name, "an index names " + name + ", which is not a field");
                continue;
            }
            if (!seen.insert(name).second) problems.add(type.name, "an index names " + name + " twice");
            if (type.fields[*at].type == FieldType::json)
                problems.add(type.name, "an index names the json field " + name);
            bytes += index_bytes(type.fields[*at]);
        }
        if (bytes > kLongestIndex)
            problems.add(type.name, "an index of " + std::to_string(bytes) + " bytes, at most " +
                                        std::to_string(kLongestIndex) + " are allowed");
    }
}

void check_type(const ResourceType& type, Problems& problems) {
    if (!is_name(type.name))
        problems.add(type.name.empty() ? "(a type without a name)" : type.name,
                     "a type's name is a lower-case letter and at most 63 more letters and digits");
    if (!is_name(type.plural, true)) problems.add(type.name, "the plural \"" + type.plural + "\" is no name");
    if (type.major < 1 || type.minor < 0)
        problems.add(type.name,
                     "version " + std::to_string(type.major) + "." + std::to_string(type.minor) + ", the least is 1.0");
    if (type.fields.size() > kMostFields)
        problems.add(type.name, std::to_string(type.fields.size()) + " fields, at most " + std::to_string(kMostFields) +
                                    " are allowed; json fields hold what is never searched for");
    std::set<std::string> names;
    for (const auto& field : type.fields) {
        check_field(type, field, problems);
        if (!names.insert(lower(field.name)).second) problems.add(type.name, "two fields are named " + field.name);
    }
    check_indexes(type, problems);
}

}  // namespace

std::string_view to_string(FieldType type) {
    switch (type) {
        case FieldType::boolean: return "boolean";
        case FieldType::integer: return "integer";
        case FieldType::real: return "real";
        case FieldType::text: return "text";
        case FieldType::date: return "date";
        case FieldType::json: return "json";
        case FieldType::reference: return "reference";
    }
    return "unknown";
}

Field Field::not_null(Value otherwise) && {
    nullable = false;
    fallback = std::move(otherwise);
    return std::move(*this);
}
Field Field::required() && {
    nullable = false;
    fallback = Value();
    return std::move(*this);
}
Field Field::is_unique() && {
    unique = true;
    return std::move(*this);
}
Field Field::with_index() && {
    indexed = true;
    return std::move(*this);
}
Field Field::about(std::string sentence) && {
    summary = std::move(sentence);
    return std::move(*this);
}

namespace {
Field field_of(std::string name, FieldType type) {
    Field field;
    field.name = std::move(name);
    field.type = type;
    return field;
}
}  // namespace

Field text_field(std::string name, std::size_t longest) {
    auto field = field_of(std::move(name), FieldType::text);
    field.longest = longest;
    return field;
}
Field integer_field(std::string name) { return field_of(std::move(name), FieldType::integer); }
Field real_field(std::string name) { return field_of(std::move(name), FieldType::real); }
Field boolean_field(std::string name) { return field_of(std::move(name), FieldType::boolean); }
Field date_field(std::string name) { return field_of(std::move(name), FieldType::date); }
Field json_field(std::string name) {
    auto field = field_of(std::move(name), FieldType::json);
    field.longest = kLongestText;
    return field;
}
Field reference_field(std::string name, std::string target) {
    auto field = field_of(std::move(name), FieldType::reference);
    field.target = std::move(target);
    return field;
}

std::optional<std::size_t> ResourceType::find(std::string_view field) const {
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (fields[i].name == field) return i;
    return std::nullopt;
}

std::string plural_of(std::string_view name) {
    std::string plural(name);
    plural += name.ends_with("s") || name.ends_with("ch") || name.ends_with("x") ? "es" : "s";
    return plural;
}

namespace {

using Types = std::vector<std::shared_ptr<const ResourceType>>;

/// The links of every type, in the order of `types`, derived from reference fields whose target exists.
std::vector<std::vector<Link>> derive_links(const Types& types,
                                            const std::map<std::string, std::size_t, std::less<>>& by_name) {
    std::vector<std::vector<Link>> links(types.size());
    for (std::size_t i = 0; i < types.size(); ++i) {
        const auto& type = *types[i];
        std::vector<const Field*> references;
        for (const auto& field : type.fields)
            if (field.type == FieldType::reference && by_name.contains(field.target)) references.push_back(&field);
        for (const auto* field : references) {
            const std::string own(link_name(field->name));
            links[i].push_back({Link::Kind::reference, own, field->target, field->name, {}, {}});
            // Of several references to one type, the one that bears its name gives the plain child link.
            const bool alone = std::count_if(references.begin(), references.end(),
                                             [&](const Field* other) { return other->target == field->target; }) == 1;
            const auto child = alone || own == field->target ? type.plural : type.plural + "By" + capitalised(own);
            links[by_name.find(field->target)->second].push_back(
                {Link::Kind::child, child, type.name, field->name, {}, {}});
        }
        if (!type.name.ends_with("Map") || references.size() != 2) continue;
        for (int side = 0; side < 2; ++side) {
            const auto& near = *references[static_cast<std::size_t>(side)];
            const auto& far = *references[static_cast<std::size_t>(1 - side)];
            // A map of a type to itself: each end is named by the other's field.
            const auto name = near.target == far.target ? plural_of(link_name(far.name))
                                                        : types[by_name.find(far.target)->second]->plural;
            links[by_name.find(near.target)->second].push_back(
                {Link::Kind::map, name, far.target, near.name, type.name, far.name});
        }
    }
    return links;
}

}  // namespace

Result<std::shared_ptr<const Schema>> Schema::make(std::vector<ResourceType> types) {
    Problems problems;
    auto schema = std::make_shared<Schema>();
    std::set<std::string> names;
    std::set<std::string> plurals;
    for (auto& type : types) {
        if (type.plural.empty()) type.plural = plural_of(type.name);
        check_type(type, problems);
        if (!names.insert(lower(type.name)).second) problems.add(type.name, "two types bear this name");
        else if (!plurals.insert(lower(type.plural)).second)
            problems.add(type.name, "another type has the plural " + type.plural);
        schema->by_name_.emplace(type.name, schema->types_.size());
        schema->types_.push_back(std::make_shared<const ResourceType>(std::move(type)));
    }
    for (const auto& type : schema->types_)
        for (const auto& field : type->fields)
            if (field.type == FieldType::reference && !schema->by_name_.contains(field.target))
                problems.add(type->name + "." + field.name,
                             "refers to " + (field.target.empty() ? std::string("nothing") : field.target) +
                                 ", which is no declared type");
    schema->links_ = derive_links(schema->types_, schema->by_name_);
    for (std::size_t i = 0; i < schema->types_.size(); ++i) {
        const auto& type = *schema->types_[i];
        std::set<std::string> seen;
        for (const auto& link : schema->links_[i]) {
            if (!seen.insert(lower(link.name)).second) problems.add(type.name, "two links are named " + link.name);
            for (const auto& field : type.fields)
                if (lower(field.name) == lower(link.name))
                    problems.add(type.name, "a link and a field are named " + link.name);
        }
    }
    if (!problems.none()) return problems.error();
    return std::shared_ptr<const Schema>(std::move(schema));
}

const ResourceType* Schema::find(std::string_view type) const {
    const auto found = by_name_.find(type);
    return found == by_name_.end() ? nullptr : types_[found->second].get();
}

std::shared_ptr<const ResourceType> Schema::share(std::string_view type) const {
    const auto found = by_name_.find(type);
    return found == by_name_.end() ? nullptr : types_[found->second];
}

const std::vector<Link>& Schema::links(std::string_view type) const {
    static const std::vector<Link> none;
    const auto found = by_name_.find(type);
    return found == by_name_.end() ? none : links_[found->second];
}

const Link* Schema::link(std::string_view type, std::string_view name) const {
    for (const auto& link : links(type))
        if (link.name == name) return &link;
    return nullptr;
}

const Value& Record::operator[](std::string_view field) const {
    static const Value null;
    if (!type_) return null;
    const auto at = type_->find(field);
    return at && *at < values_.size() ? values_[*at] : null;
}

namespace store_detail {

std::optional<std::string> misfit(FieldType type, const Value& value) {
    if (value.is_null()) return std::nullopt;
    const auto is = [&](std::string_view wanted) {
        return "is " + value.describe() + ", but the field holds " + std::string(wanted);
    };
    switch (type) {
        case FieldType::boolean:
            if (!value.if_boolean()) return is("a boolean");
            break;
        case FieldType::integer:
            if (!value.if_integer()) return is("an integer");
            break;
        case FieldType::date:
            if (!value.if_integer()) return is("a date, an integer of milliseconds since 1970");
            break;
        case FieldType::reference:
            if (!value.if_integer()) return is("a reference, the integer id of a record");
            break;
        case FieldType::real:
            if (!value.if_real()) return is("a real");
            if (!std::isfinite(*value.if_real())) return "is " + value.describe() + ", which is not finite";
            break;
        case FieldType::text:
        case FieldType::json:
            if (!value.if_text()) return is("text");
            if (!is_utf8(*value.if_text())) return "is " + value.describe() + ", which is not UTF-8";
            break;
    }
    return std::nullopt;
}

std::optional<std::string> unstorable(const Field& field, const Value& value) {
    if (value.is_null())
        return field.nullable ? std::nullopt : std::optional<std::string>("is null, which the field never is");
    if (auto why = misfit(field.type, value)) return why;
    if (const auto* text = value.if_text(); text && text->size() > field.longest)
        return "has " + std::to_string(text->size()) + " bytes, at most " + std::to_string(field.longest) +
               " are allowed";
    return std::nullopt;
}

}  // namespace store_detail
}  // namespace drover
