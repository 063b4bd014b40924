// The schemas that completion works from, kept between two runs of the program.
#include <boost/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cli/client.hpp"
#include "cli/completion.hpp"
#include "cli/json_text.hpp"
#include "drover/json.hpp"

namespace drover::cli {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kFreshEnough = 10min;  ///< not written again within
constexpr auto kStillUsed = 24h;      ///< asked for again after

fs::path cache_folder() {
    if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder && *folder) return fs::path(folder) / "drover";
    const char* home = std::getenv("HOME");
    return home && *home ? fs::path(home) / ".cache" / "drover" : fs::path();
}

/// One file for each API and account, since each account sees types of its own.
fs::path cache_file(const Connection& connection) {
    const auto folder = cache_folder();
    if (folder.empty()) return {};
    std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
    for (const char c : connection.url() + "\n" + connection.access_key)
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    std::ostringstream name;
    name << "schemas-" << std::hex << hash << ".json";
    return folder / name.str();
}

std::optional<std::chrono::seconds> age_of(const fs::path& file) {
    std::error_code failure;
    const auto written = fs::last_write_time(file, failure);
    if (failure) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() - written);
}

std::optional<Schemas> read_cache(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (!in || !(text << in.rdbuf())) return std::nullopt;
    const auto document = parse_json(text.str());
    if (!document) return std::nullopt;
    auto schemas = Schemas::parse(*document);
    if (!schemas) return std::nullopt;
    return std::move(*schemas);
}

}  // namespace

void remember_schemas(const Connection& connection, const boost::json::value& answer) {
    const auto file = cache_file(connection);
    if (file.empty()) return;
    if (const auto age = age_of(file); age && *age < kFreshEnough) return;
    std::error_code failure;
    fs::create_directories(file.parent_path(), failure);
    auto fresh = file.string() + "." + std::to_string(::getpid());
    const int descriptor = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return;
    const auto text = compact_json(answer);
    const bool whole = ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    ::close(descriptor);
    // Readers see the old file or the new one, never half of one.
    if (whole) fs::rename(fresh, file, failure);
    if (!whole || failure) fs::remove(fresh, failure);
}

std::optional<Schemas> schemas_for_completion() {
    const auto connection = find_connection({});
    if (!connection) return std::nullopt;
    const auto file = cache_file(*connection);
    const auto age = file.empty() ? std::nullopt : age_of(file);
    if (age && *age < kStillUsed)
        if (auto kept = read_cache(file)) return kept;
    Client client(*connection);
    client.set_patience(1s);
    if (const auto answer = client.get("/schemas")) {
        if (auto schemas = Schemas::parse(*answer)) {
            remember_schemas(*connection, *answer);
            return std::move(*schemas);
        }
    }
    return age ? read_cache(file) : std::nullopt;
}

}  // namespace drover::cli
