#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "drover/result.hpp"

namespace drover::cli {

/// Where the API is and who asks.
struct Connection {
    bool tls = false;
    std::string host;  ///< without brackets
    std::string port;
    std::string base;  ///< path before every request, such as "/v1"; no slash at its end
    std::string access_key;
    std::string secret_key;

    /// "http://127.0.0.1:8080/v1"
    std::string url() const;
    /// Value of the Host header.
    std::string authority() const;
    /// True when nobody but this machine sees what is sent.
    bool loopback() const;
};

/// What was given on the command line; empty: not given.
struct ConnectionFlags {
    std::string url;
    std::string access_key;
    std::string secret_key;
};

inline constexpr const char* kDefaultUrl = "http://127.0.0.1:8080/v1";

/// http://HOST[:PORT][/PATH]; without a path /v1 is meant, and a trailing /schemas is cut, as agents do.
/// Errors: invalid.
Result<Connection> parse_url(const std::string& url);

/// Reads NAME = VALUE lines: url, access-key, secret-key. A file that others may read is refused, since it holds
/// a secret. Errors: denied, invalid naming the line; a file that is not there is empty.
Result<std::map<std::string, std::string>> read_credentials(const std::filesystem::path& file);

/// $XDG_CONFIG_HOME/drover/credentials, or ~/.config/drover/credentials; empty when there is no home.
std::filesystem::path credentials_file();

/// Flags win over DROVER_URL, DROVER_ACCESS_KEY and DROVER_SECRET_KEY, these over the credentials file.
Result<Connection> find_connection(const ConnectionFlags& flags);

std::string base64(std::string_view bytes);

}  // namespace drover::cli
