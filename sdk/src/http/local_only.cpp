#include "drover/http/local_only.hpp"

namespace drover {
namespace {

/// "localhost:8080" and "[::1]:8080" without the port; empty when it cannot be read.
std::string host_of(std::string_view authority) {
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        return end == std::string_view::npos ? std::string() : std::string(authority.substr(1, end - 1));
    }
    std::string host(authority.substr(0, authority.find(':')));
    for (char& c : host)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return host;
}

/// 127.0.0.0/8 in digits: a name such as 127.0.0.1.example.com is not it.
bool is_local(const std::string& host) {
    if (host == "localhost" || host == "::1") return true;
    return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

}  // namespace

Result<void> check_loopback_only(const Address& listen, std::string_view key) {
    if (is_local(listen.host)) return ok;
    return Error(Errc::denied,
                 std::string(key) + " is " + listen.to_string() +
                     ", which other machines can reach, and this port has no authentication",
                 "Listen on 127.0.0.1 or [::1], and let a proxy that authenticates stand in front.");
}

Result<void> check_local_origin(const HttpRequest& request) {
    const auto refuse = [](std::string_view header, std::string_view seen) {
        return Error(Errc::denied,
                     "the header " + std::string(header) + " names " + std::string(seen.substr(0, 200)) +
                         ", and this port serves this machine only",
                     "Use localhost, 127.0.0.1 or [::1] in the URL.");
    };
    const auto host = request.headers.get("Host");
    if (!host.empty() && !is_local(host_of(host))) return refuse("Host", host);
    const auto origin = request.headers.get("Origin");
    if (origin.empty()) return ok;
    const auto scheme = origin.find("://");
    if (scheme == std::string_view::npos || !is_local(host_of(origin.substr(scheme + 3))))
        return refuse("Origin", origin);
    return ok;
}

}  // namespace drover
