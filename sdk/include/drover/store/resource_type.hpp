#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/result.hpp"
#include "drover/store/value.hpp"

namespace [[gnu::visibility("default")]] drover {

enum class FieldType : unsigned char { boolean, integer, real, text, date, json, reference };
std::string_view to_string(FieldType type);

/// One field of a resource type. Made with the functions below, refined by the chained members.
struct Field {
    std::string name;  ///< camelCase, as it stands in the API; [a-z][A-Za-z0-9]{0,63}; not id, not version
    FieldType type = FieldType::text;
    std::size_t longest = 255;  ///< bytes of UTF-8, for text and json: at most 65,535
    bool nullable = true;
    Value fallback;        ///< what a create without this field stores, and old rows get when it is added
    std::string target;    ///< reference: name of the resource type whose id it holds
    bool unique = false;   ///< among all values that are not null
    bool indexed = false;  ///< filtered or sorted by often
    std::string summary;   ///< one sentence for people

    Field not_null(Value otherwise) &&;  ///< never null; creates without it store `otherwise`
    Field required() &&;                 ///< never null, and every create gives it
    Field is_unique() &&;
    Field with_index() &&;
    Field about(std::string sentence) &&;
};

Field text_field(std::string name, std::size_t longest = 255);
Field integer_field(std::string name);
Field real_field(std::string name);
Field boolean_field(std::string name);
Field date_field(std::string name);
Field json_field(std::string name);
/// Holds the id of a record of type `target`. The store does not check that it exists.
Field reference_field(std::string name, std::string target);

/// Bytes that the fields of one index may take together; what every database can do.
inline constexpr std::size_t kLongestIndex = 3'000;

/// Fields that one type may have; what every database can do. InnoDB, the narrowest, keeps some 40 bytes of each
/// long value in a row of 8,126 bytes.
inline constexpr std::size_t kMostFields = 150;

struct Index {
    std::vector<std::string> fields;
    bool unique = false;  ///< among rows in which none of the fields is null
};

/// A declared kind of record. From it come the table and its migration, the API schema, the CLI columns
/// and the docs.
struct ResourceType {
    std::string name;      ///< camelCase: "instanceHostMap"
    std::string plural{};  ///< derived from the name when empty
    /// Additive changes (a new nullable or defaulted field, an index) raise `minor`; others `major`.
    int major = 1;
    int minor = 0;
    std::vector<Field> fields{};  ///< at most kMostFields
    std::vector<Index> indexes{};
    std::string summary{};

    /// Position in `fields`; none when there is no such field.
    std::optional<std::size_t> find(std::string_view field) const;
};

/// `name` + s, or + es after s, ch and x.
std::string plural_of(std::string_view name);

/// How to get from a record to others. Derived from reference fields: B's field `xId` to A gives B the
/// reference link `x` and A the child link `<plural of B>`; a type whose name ends in Map with exactly two
/// reference fields also gives each end a map link named by the plural of the other. When B has several
/// references to A, the one named after A gives the plain child link, the others `<plural of B>By<X>`.
struct Link {
    enum class Kind : unsigned char { reference, child, map };
    Kind kind = Kind::reference;
    std::string name;
    std::string target;     ///< type of the linked records
    std::string field;      ///< reference: own field; child: the target's field; map: the map's field to us
    std::string map;        ///< map: the type between
    std::string map_field;  ///< map: its field to the target
};

/// All declared types together: checked, with their links.
/// Thread-safety: immutable once made.
class Schema {
public:
    /// Errors: invalid, listing everything that is wrong with the declarations.
    static Result<std::shared_ptr<const Schema>> make(std::vector<ResourceType> types);

    const ResourceType* find(std::string_view type) const;
    const std::vector<std::shared_ptr<const ResourceType>>& types() const { return types_; }
    std::shared_ptr<const ResourceType> share(std::string_view type) const;
    const std::vector<Link>& links(std::string_view type) const;
    const Link* link(std::string_view type, std::string_view name) const;

private:
    std::vector<std::shared_ptr<const ResourceType>> types_;  // owners: the schema and records of the type
    std::map<std::string, std::size_t, std::less<>> by_name_;
    std::vector<std::vector<Link>> links_;  // one list for each type, in the order of types_
};

/// One stored thing. A value; changing it changes nothing in the store.
class Record {
public:
    Record() = default;
    Record(std::shared_ptr<const ResourceType> type, std::int64_t id, std::int64_t version, std::vector<Value> values)
        : type_(std::move(type)), id_(id), version_(version), values_(std::move(values)) {}

    const ResourceType& type() const { return *type_; }
    std::int64_t id() const { return id_; }
    /// 1 when created, one more with every update.
    std::int64_t version() const { return version_; }
    /// Null for a field the type has not.
    const Value& operator[](std::string_view field) const;
    const std::vector<Value>& values() const { return values_; }

private:
    std::shared_ptr<const ResourceType> type_;  // owners: the schema and its records
    std::int64_t id_ = 0;
    std::int64_t version_ = 0;
    std::vector<Value> values_;  // in the order of type_->fields
};

}  // namespace drover
