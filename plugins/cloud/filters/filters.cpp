#include "filters/filters.hpp"

namespace drover::cloud {

std::vector<CreateFilter> create_filters(CloudPtr cloud) {
    return {agent_filter(cloud), credential_filter(cloud), instance_filter(cloud)};
}

Error refused(std::string code, std::string field, std::string message, int status) {
    return Error(Errc::invalid, std::move(message))
        .with_detail("code", std::move(code))
        .with_detail("fieldName", std::move(field))
        .with_detail("status", std::to_string(status));
}

}  // namespace drover::cloud
