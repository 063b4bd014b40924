// Lists that come in pages.
#include <boost/json.hpp>

#include <algorithm>

#include "cli/client_commands.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestPage = 1000;

json::array* data_of(json::object& collection) {
    auto* data = collection.if_contains("data");
    return data ? data->if_array() : nullptr;
}

std::string next_of(const json::object& collection) {
    const auto* pagination = collection.if_contains("pagination");
    return pagination ? text_of(*pagination, "next") : std::string();
}

}  // namespace

std::string marker_of(std::string_view url) {
    const auto question = url.find('?');
    if (question == std::string_view::npos) return {};
    auto rest = url.substr(question + 1);
    while (!rest.empty()) {
        const auto end = std::min(rest.find('&'), rest.size());
        const auto one = rest.substr(0, end);
        if (one.starts_with("marker=")) return std::string(one.substr(7));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return {};
}

void merge_page(json::array& data, json::array&& page, const std::vector<std::string>& include) {
    for (auto& resource : page) {
        const auto id = text_of(resource, "id");
        // Pages are in one order, so what a page break parted is the last of the page before.
        auto* last = data.empty() ? nullptr : data.back().if_object();
        if (include.empty() || id.empty() || !last || text_of(data.back(), "id") != id) {
            data.push_back(std::move(resource));
            continue;
        }
        for (const auto& link : include) {
            auto* more = resource.as_object().if_contains(link);
            if (!more || !more->is_array()) continue;
            auto& there = (*last)[link];
            if (!there.is_array()) there = json::array();
            for (auto& item : more->as_array()) there.as_array().push_back(std::move(item));
        }
    }
}

Result<json::object> fetch_list(Client& client, const Schema& schema, Query query,
                                const std::vector<std::string>& include, std::size_t limit, bool all) {
    for (const auto& link : include) query.emplace_back("include", link);
    if (all) query.emplace_back("limit", std::to_string(kLargestPage));
    else if (limit) query.emplace_back("limit", std::to_string(std::min(limit, kLargestPage)));
    json::object whole;
    json::array collected;
    for (std::string marker;;) {
        auto page_query = query;
        if (!marker.empty()) page_query.emplace_back("marker", marker);
        auto page = client.get(schema.path() + query_text(page_query));
        if (!page) return page.error();
        auto* data = data_of(page->as_object());
        if (!data) return Error(Errc::internal, "the API's answer for " + schema.plural() + " is not a list");
        const bool nothing_more = data->empty();
        merge_page(collected, std::move(*data), include);
        const auto next = marker_of(next_of(page->as_object()));
        const bool moved = next != marker;
        whole = std::move(page->as_object());
        marker = next;
        // With included rows the last resource may go on on the next page.
        const bool enough =
            !all && (!limit || collected.size() > limit || (include.empty() && collected.size() == limit));
        if (next.empty() || enough || nothing_more || !moved) break;
    }
    if (limit && collected.size() > limit) collected.resize(limit);
    whole["data"] = std::move(collected);
    return whole;
}

}  // namespace drover::cli
