#pragma once

#include "errors.hpp"
#include "parameters.hpp"

namespace drover::rest {

inline constexpr std::string_view kVersion = "v1";

/// Where a request points, by its path alone.
struct Target {
    std::vector<std::string> segments;  ///< decoded; repeated slashes collapsed
    bool names_version() const { return !segments.empty(); }
    std::string version() const { return segments.empty() ? std::string() : segments[0]; }
    std::string part(std::size_t at) const { return at < segments.size() ? segments[at] : std::string(); }
};
/// Errors: 400.
Result<Target> parse_target(std::string_view path);

/// "http://host:8080" as the client wrote it, in lower case. Errors: 400, when Host is no host.
Result<std::string> origin_of(const HttpRequest& request, bool allow_override);
/// The address of the client: that of the connection, or what X-Forwarded-For says.
std::string client_ip_of(const HttpRequest& request);

/// Reads parameters and body into `request`, whose `http` is set: `_method`, `action`, then what the method
/// takes. Errors: 400, 413, 422.
Result<void> read_content(ApiRequest& request);

}  // namespace drover::rest
