#pragma once

#include <boost/json/value.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "drover/model/model.hpp"
#include "drover/services/store.hpp"

/// The types as one kind of account sees them: what the schemas say, and what every request is checked against
/// and every answer is written from. Made once for each kind.
namespace drover::rest {

struct TypeSchema;

/// "array[reference[host]]", taken apart.
struct ValueType {
    enum class Kind : unsigned char { text, real, integer, date, boolean, reference, array, map, any };
    Kind kind = Kind::any;
    std::string name;                    ///< as declared
    std::string target;                  ///< reference: the type
    std::shared_ptr<ValueType> element;  ///< array and map; owners: the schema
};
ValueType parse_value_type(std::string_view text);

struct FieldSchema {
    /// Where its value comes from.
    enum class Source : unsigned char {
        id,
        column,
        inner,
        transitioning,
        transitioning_message,
        transitioning_progress
    };
    std::string name;
    Source source = Source::inner;  ///< inner: `data.fields.NAME`
    std::size_t column = 0;         ///< in the resource type's fields
    ValueType type;
    boost::json::value fallback;
    bool nullable = true, create = false, update = false, required = false, unique = false, shown = true;
    std::optional<std::int64_t> min{}, max{}, min_length{}, max_length{};
    std::vector<std::string> options{};
    std::string valid_chars{}, invalid_chars{};
    std::string about{};
    std::vector<std::string> modifiers{};  ///< of filters; empty: no filter
    std::string key;                       ///< `,"name":`
    std::string date_key;                  ///< `,"nameTS":` of dates
};

struct LinkSchema {
    std::string name;
    std::string path;  ///< in lower case
    const Link* link = nullptr;
    const TypeSchema* target = nullptr;
    std::size_t column = 0;  ///< reference: our field
    std::string map_link;    ///< map: the child link to the type between
};

struct ActionSchema {
    std::string name, input, output;
    std::string process;  ///< empty: it is no process
    std::string path;     ///< in lower case
};

struct TypeSchema {
    std::string name, plural;
    std::string path;  ///< the plural in lower case
    std::string base;  ///< the resource type, or the type itself when it has no table
    std::string id_prefix;
    const ResourceType* resource = nullptr;
    bool is_child = false;
    bool list = false, get = false, create = false, update = false, remove = false;
    std::vector<FieldSchema> fields{};  ///< `id` first
    std::map<std::string, std::size_t, std::less<>> field_names{};
    std::vector<LinkSchema> links{};
    std::vector<ActionSchema> actions{};
    std::vector<const TypeSchema*> children{};
    bool has_processes = false;
    std::set<std::string, std::less<>> transitioning{};  ///< states
    bool needs_data = false;                             ///< to show a row, its `data` is looked into
    std::optional<std::size_t> account, is_public, state, removed, remove_time, kind, data;  ///< columns
    std::vector<std::pair<std::string, std::string>> extra_links{};  ///< name and path, of every row: "explain"
    std::string tail;                                                ///< of its schema resource, behind the links

    const FieldSchema* field(std::string_view field_name) const;
    /// In any case.
    const LinkSchema* link(std::string_view link_name) const;
    const ActionSchema* action(std::string_view action_name) const;
};

class SchemaSet {
public:
    std::string kind;
    std::vector<std::unique_ptr<TypeSchema>> types;

    /// By singular or plural in any case; null when this kind does not see it.
    const TypeSchema* find(std::string_view name) const;
    /// How a row of this resource type and kind shows; null when not at all.
    const TypeSchema* of_row(const Record& record) const;

private:
    friend class SchemaSets;
    std::map<std::string, const TypeSchema*, std::less<>> names_;                            // lower case
    std::map<std::string, std::map<std::string, const TypeSchema*>, std::less<>> children_;  // base, kind
};

/// Thread-safety: any thread.
class SchemaSets {
public:
    /// `answered`: types without a table that somebody answers; `only`: nothing else is seen (empty: all).
    SchemaSets(std::shared_ptr<const Model> model, std::set<std::string> answered, std::set<std::string> only);

    /// Is there a set of its own for this kind of account?
    static bool knows(std::string_view kind);
    /// That of `kind`; of an unknown one the base set.
    std::shared_ptr<const SchemaSet> of(std::string_view kind);
    const Model& model() const { return *model_; }
    /// Of the model, or one that the API has by itself; null when there is none. By any name.
    const ApiType* find(std::string_view name) const;

private:
    std::shared_ptr<const SchemaSet> make(const std::string& kind) const;
    const std::shared_ptr<const Model> model_;  // owners: the engine and its users
    const std::set<std::string> answered_;
    const std::set<std::string> only_;
    std::vector<const ApiType*> all_;
    std::mutex mutex_;
    std::map<std::string, std::shared_ptr<const SchemaSet>, std::less<>> sets_;  // guarded by mutex_; owners: requests
};

/// The types of the API itself, which no plugin declares.
const std::vector<ApiType>& own_types();

/// The part of a schema resource behind its links.
std::string schema_tail(const TypeSchema& type);

}  // namespace drover::rest
