#pragma once

#include <boost/json/value.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "drover/result.hpp"

namespace drover::cli {

/// One field of a resource type, as the API declares it.
struct Field {
    std::string name;
    std::string type;  ///< "string", "reference[host]", "array[int]" ...
    bool nullable = false;
    bool create = false;
    bool update = false;
    bool required = false;
    std::vector<std::string> options;  ///< of an enum

    /// "array" of "array[int]"; the type itself when nothing is in brackets.
    std::string_view outer() const;
    /// "int" of "array[int]"; empty when nothing is in brackets.
    std::string_view inner() const;
};

/// One resource type, as the API declares it.
class Schema {
public:
    /// `document` is one element of GET /v1/schemas. Errors: invalid.
    static Result<Schema> parse(const boost::json::value& document);

    const std::string& id() const { return id_; }
    /// The word under which it is listed, in lower case: "instancehostmaps".
    const std::string& plural() const { return plural_; }
    /// "/instancehostmaps/1ihm5"
    std::string path(std::string_view resource = {}) const;

    const std::vector<Field>& fields() const { return fields_; }
    /// In any letter case; null when there is none.
    const Field* field(std::string_view name) const;
    std::vector<std::string> field_names() const;

    /// Filterable field to its modifiers.
    const std::map<std::string, std::vector<std::string>>& filters() const { return filters_; }
    /// Action to the schema of its input, which is empty when there is none.
    const std::map<std::string, std::string>& actions() const { return actions_; }
    const std::vector<std::string>& links() const { return links_; }
    bool can_list() const { return can_list_; }
    bool can_create() const { return can_create_; }
    /// Sends the type's processes through states: "instance" of container. The type itself for most.
    const std::string& base() const { return base_; }

private:
    std::string id_;
    std::string plural_;
    std::string base_;
    std::vector<Field> fields_;
    std::map<std::string, std::vector<std::string>> filters_;
    std::map<std::string, std::string> actions_;
    std::vector<std::string> links_;
    bool can_list_ = false;
    bool can_create_ = false;
};

/// All types that the caller may see.
class Schemas {
public:
    /// `collection` is the answer of GET /v1/schemas. Errors: invalid.
    static Result<Schemas> parse(const boost::json::value& collection);

    /// By singular or plural name, in any letter case. Errors: not_found, with the nearest name.
    Result<const Schema*> find(std::string_view name) const;
    const std::vector<Schema>& all() const { return all_; }

private:
    std::vector<Schema> all_;
    std::map<std::string, std::size_t> by_name_;
};

/// Plural of a type's name by the API's rules.
std::string plural_of(std::string_view id);

/// The number within an id of the API: "5" of "1i5", "instance.start" of "1pd!instance.start"; the text itself
/// when it is no such id.
std::string raw_id(std::string_view id);

}  // namespace drover::cli
