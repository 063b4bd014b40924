#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud.hpp"
#include "drover/engine/extension.hpp"

/// What is filled in or refused when somebody creates something through the API.
namespace drover::cloud {

std::vector<CreateFilter> create_filters(CloudPtr cloud);

CreateFilter agent_filter(CloudPtr cloud);
CreateFilter credential_filter(CloudPtr cloud);
CreateFilter instance_filter(CloudPtr cloud);

/// A refusal as the API tells it.
Error refused(std::string code, std::string field, std::string message, int status = 422);

/// What the image's name says it is, when its kind is one that external pools of `kind` take. None: not accepted.
struct ImageTemplate {
    std::string name;
    std::string format;
    std::string instance_kind;  ///< empty: any
    boost::json::object data;
};
std::optional<ImageTemplate> image_template(std::string_view kind, std::string_view uuid);

/// The image of this uuid as the account sees it. One that begins with the kind of an external pool is made when
/// there is none. None when there is no such image for it.
Async<Result<std::optional<Record>>> find_image(CreateRequest request, Clock* clock, std::string uuid);

}  // namespace drover::cloud
