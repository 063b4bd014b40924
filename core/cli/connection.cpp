#include "cli/connection.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "cli/text.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

std::string trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string Connection::authority() const {
    const auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == (tls ? "443" : "80") ? name : name + ":" + port;
}

std::string Connection::url() const { return (tls ? "https://" : "http://") + authority() + base; }

bool Connection::loopback() const { return host == "localhost" || host == "::1" || host.starts_with("127."); }

Result<Connection> parse_url(const std::string& url) {
    const auto refused = [&](const std::string& why) {
        return Error(
            Errc::invalid, "\"" + printable(url) + "\" is not the URL of an API: " + why,
            std::string("Expected http://HOST:PORT/v1 or https://...; without any, ") + kDefaultUrl + " is asked.");
    };
    Connection made;
    std::string_view rest = url;
    for (const char c : rest)
        if (c <= ' ' || c == 0x7f) return refused("it contains a blank or a control character");
    const auto scheme = lower(rest.substr(0, rest.find("://")));
    if (scheme != "http" && scheme != "https") return refused("it begins neither with http:// nor with https://");
    made.tls = scheme == "https";
    rest.remove_prefix(scheme.size() + 3);
    const auto slash = std::min(rest.find('/'), rest.size());
    auto authority = rest.substr(0, slash);
    auto path = std::string(rest.substr(slash));
    if (authority.find('@') != std::string_view::npos)
        return refused("keys do not belong into it; set DROVER_ACCESS_KEY and DROVER_SECRET_KEY");
    if (path.find_first_of("?#") != std::string::npos) return refused("it has a query or a fragment");
    if (authority.starts_with('[')) {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) return refused("the bracket of its address does not close");
        made.host = authority.substr(1, end - 1);
        authority.remove_prefix(end + 1);
    } else {
        const auto colon = std::min(authority.find(':'), authority.size());
        made.host = authority.substr(0, colon);
        authority.remove_prefix(colon);
    }
    made.port = made.tls ? "443" : "80";
    if (!authority.empty()) {
        made.port = authority.substr(1);
        if (authority.front() != ':' || !all_digits(made.port) || made.port.size() > 5 || std::stoi(made.port) > 65535)
            return refused("its port is not a number up to 65535");
    }
    if (made.host.empty()) return refused("it names no host");
    while (path.ends_with('/')) path.pop_back();
    if (constexpr std::string_view kSchemas = "/schemas"; path.ends_with(kSchemas))
        path.resize(path.size() - kSchemas.size());
    made.base = path.empty() ? "/v1" : path;
    return made;
}

std::filesystem::path credentials_file() {
    if (const auto folder = environment("XDG_CONFIG_HOME"); !folder.empty())
        return std::filesystem::path(folder) / "drover" / "credentials";
    const auto home = environment("HOME");
    return home.empty() ? std::filesystem::path() : std::filesystem::path(home) / ".config" / "drover" / "credentials";
}

Result<std::map<std::string, std::string>> read_credentials(const std::filesystem::path& file) {
    std::map<std::string, std::string> values;
    struct stat seen {};
    if (file.empty() || ::stat(file.c_str(), &seen) != 0) return values;
    if ((seen.st_mode & (S_IRWXG | S_IRWXO)) != 0 || (seen.st_uid != ::geteuid() && seen.st_uid != 0))
        return Error(Errc::denied, file.string() + " holds a secret, and others than you may read or change it",
                     "Run: chmod 600 " + file.string());
    std::ifstream in(file);
    std::size_t number = 0;
    static const std::vector<std::string> kKnown{"url", "access-key", "secret-key"};
    for (std::string line; std::getline(in, line);) {
        ++number;
        line = trim(line);
        if (line.empty() || line.front() == '#') continue;
        const auto equals = line.find('=');
        const auto at = file.string() + ":" + std::to_string(number) + ": ";
        const auto name = trim(std::string_view(line).substr(0, equals));
        // Never the line itself: it may be a secret.
        if (equals == std::string::npos)
            return Error(Errc::invalid, at + "expected NAME = VALUE", "Names are url, access-key and secret-key.");
        if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
            const auto near = nearest(name, kKnown);
            return Error(Errc::invalid, at + printable(name) + " is not a name",
                         near.empty() ? "Names are url, access-key and secret-key." : "Did you mean " + near + "?");
        }
        values[name] = trim(std::string_view(line).substr(equals + 1));
    }
    if (in.bad()) return Error(Errc::denied, file.string() + " cannot be read");
    return values;
}

Result<Connection> find_connection(const ConnectionFlags& flags) {
    const auto file = read_credentials(credentials_file());
    if (!file) return file.error();
    const auto pick = [&](const std::string& flag, const char* variable, const char* name) {
        if (!flag.empty()) return flag;
        if (auto value = environment(variable); !value.empty()) return value;
        const auto found = file->find(name);
        return found == file->end() ? std::string() : found->second;
    };
    const auto url = pick(flags.url, "DROVER_URL", "url");
    auto connection = parse_url(url.empty() ? kDefaultUrl : url);
    if (!connection) return connection;
    connection->access_key = pick(flags.access_key, "DROVER_ACCESS_KEY", "access-key");
    connection->secret_key = pick(flags.secret_key, "DROVER_SECRET_KEY", "secret-key");
    if (connection->access_key.empty() != connection->secret_key.empty())
        return Error(Errc::invalid,
                     connection->access_key.empty() ? "a secret key is given, but no access key"
                                                    : "an access key is given, but no secret key",
                     "Set both DROVER_ACCESS_KEY and DROVER_SECRET_KEY, or write both into " +
                         credentials_file().string() + ".");
    if (connection->access_key.find(':') != std::string::npos)
        return Error(Errc::invalid, "the access key contains a colon, which no access key can");
    return connection;
}

std::string base64(std::string_view bytes) {
    constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned group = 0;
        const auto count = std::min<std::size_t>(3, bytes.size() - i);
        for (std::size_t j = 0; j < 3; ++j)
            group = (group << 8) | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
        for (std::size_t j = 0; j < 4; ++j) out += j <= count ? kLetters[(group >> (18 - 6 * j)) & 0x3f] : '=';
    }
    return out;
}

}  // namespace drover::cli
