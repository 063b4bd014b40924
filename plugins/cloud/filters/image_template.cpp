// What the uuid of an image says: "sim:anything", "docker:[namespace/]repository[:tag]".
#include <algorithm>

#include "filters/filters.hpp"

namespace drover::cloud {
namespace {

constexpr std::size_t kLongestName = 100;

bool is_word(std::string_view text, std::string_view more) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || more.find(c) != std::string_view::npos;
    });
}

/// None when it is no name of a repository.
std::optional<ImageTemplate> docker_template(std::string_view full) {
    const auto slash = full.find('/');
    const std::string_view space = slash == std::string_view::npos ? std::string_view() : full.substr(0, slash);
    auto repository = slash == std::string_view::npos ? full : full.substr(slash + 1);
    std::string tag = "latest";
    if (const auto colon = repository.find(':'); colon != std::string_view::npos) {
        tag = repository.substr(colon + 1);
        repository = repository.substr(0, colon);
    }
    if (!is_word(repository, "._-") || (slash != std::string_view::npos && !is_word(space, "._-"))) return std::nullopt;
    if (tag.empty() || !std::all_of(tag.begin(), tag.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                   c == '-';
        }))
        return std::nullopt;
    const auto name = (space.empty() ? std::string() : std::string(space) + "/") + std::string(repository);
    ImageTemplate made;
    made.name = name + ":" + tag;
    made.format = "docker";
    made.instance_kind = "container";
    made.data["dockerImage"] =
        boost::json::object{{"repository", repository},
                            {"namespace", space.empty() ? boost::json::value(nullptr) : boost::json::value(space)},
                            {"tag", tag},
                            {"fullName", name + ":" + tag},
                            {"qualifiedName", name}};
    return made;
}

}  // namespace

std::optional<ImageTemplate> image_template(std::string_view kind, std::string_view uuid) {
    if (uuid.size() <= kind.size() + 1 || uuid.size() > kLongestName || !uuid.starts_with(kind) ||
        uuid[kind.size()] != ':')
        return std::nullopt;
    if (kind == "docker") return docker_template(uuid.substr(kind.size() + 1));
    if (kind != "sim") return std::nullopt;
    ImageTemplate made;
    made.name = uuid;
    made.format = "sim";
    return made;
}

}  // namespace drover::cloud
