#pragma once

#include "rest_api.hpp"
#include "schema_sets.hpp"

namespace drover::rest {

inline constexpr std::size_t kDefaultLimit = 100;
inline constexpr std::size_t kLargestLimit = 1'000;
inline constexpr std::size_t kMostFilters = 200;  ///< values of one request

struct SaidFilter {
    std::string value;  ///< empty for null and notnull
    std::string modifier;
};

/// What a request to list says, checked against the schema.
struct ListRequest {
    std::vector<AnyOf> where{};
    std::map<std::string, std::vector<SaidFilter>> filters{};
    std::vector<SortBy> sort{};
    std::vector<const LinkSchema*> includes{};
    std::size_t limit = kDefaultLimit;
    bool limit_given = false;
    std::uint64_t offset = 0;
};

/// Unknown filters, sorts and markers are ignored, as clients rely on it.
/// Errors: 422 (a value that is none of the field's type; too many filters or includes).
Result<ListRequest> parse_list(const ApiRequest& request, const TypeSchema& type);
/// Of a read by id: what to include. Errors: 422 (too many).
Result<std::vector<const LinkSchema*>> parse_includes(const ApiRequest& request, const TypeSchema& type);

/// Rows that were removed a while ago, or whose time has come, are not listed.
void hide_removed(const TypeSchema& type, std::int64_t now, std::int64_t shown_for, std::vector<AnyOf>& where);
/// Only what the caller may see: the same as `may_see` in the store's words.
void only_visible(const TypeSchema& type, const Caller& caller, std::vector<AnyOf>& where);
/// Only rows of this child.
void only_kind(const TypeSchema& type, std::vector<AnyOf>& where);

/// What a collection says beside its rows.
struct CollectionFrame {
    std::string resource_type;
    bool paged = true;  ///< with a pagination object
    bool more = false;
    std::string create_field;  ///< createDefaults
    std::string create_value;
};
/// Everything before and behind `data`'s rows.
std::string collection_head(const ApiRequest& request, const SchemaSet& set, const TypeSchema* type,
                            const CollectionFrame& frame);
std::string collection_tail(const ApiRequest& request, const TypeSchema* type, const ListRequest& list,
                            const CollectionFrame& frame);

/// The request's URL with its query, without these parameters.
std::string url_without(const ApiRequest& request, std::initializer_list<std::string_view> names);

}  // namespace drover::rest
