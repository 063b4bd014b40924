#include "catalogue/catalogue.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <optional>

namespace drover::core {
namespace {

using namespace std::chrono_literals;

/// How long a library may take to load and describe itself.
constexpr auto kDescribeWithin = 10s;
/// The first byte of what the child sends.
constexpr char kDescribed = '+';
constexpr char kRefused = '-';

PluginInfo info_of(const host::Library& library) {
    const auto& descriptor = library.descriptor();
    PluginInfo info;
    info.file = library.file();
    info.note = library.note();
    info.summary = descriptor.summary;
    info.provides = descriptor.provides;
    info.needs = descriptor.needs;
    info.options = descriptor.options;
    info.roles = descriptor.roles;
    for (const auto& type : descriptor.resource_types) info.resource_types.push_back(type.name);
    for (const auto& type : descriptor.api_types) info.api_types.push_back(type.name);
    for (const auto& process : descriptor.processes) info.processes.push_back(process.name);
    info.extends = descriptor.extends;
    info.collects = descriptor.collects;
    return info;
}

/// An error as it travels from the child: code, message, hint, each ended by a zero byte.
std::string pack(const Error& error) {
    return std::to_string(static_cast<int>(error.code())) + '\0' + error.message() + '\0' + error.hint() + '\0';
}
Error unpack(const std::string& packed) {
    const auto first = packed.find('\0');
    const auto second = packed.find('\0', first + 1);
    if (first == std::string::npos || second == std::string::npos) return Error(Errc::internal, packed);
    return Error(static_cast<Errc>(std::atoi(packed.c_str())), packed.substr(first + 1, second - first - 1),
                 packed.substr(second + 1, packed.find('\0', second + 1) - second - 1));
}

[[noreturn]] void describe_in_child(const std::filesystem::path& file, int out) {
    auto library = host::Library::load(file, {});
    const auto answer = library ? kDescribed + to_json(info_of(**library)) : kRefused + pack(library.error());
    std::size_t sent = 0;
    while (sent < answer.size()) {
        const auto count = write(out, answer.data() + sent, answer.size() - sent);
        if (count <= 0) _exit(1);
        sent += static_cast<std::size_t>(count);
    }
    _exit(0);
}

std::string read_all(int from, std::chrono::steady_clock::time_point until) {
    std::string all;
    char buffer[4096];
    for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd waiting{from, POLLIN, 0};
        if (left.count() <= 0 || poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return all;
        const auto count = read(from, buffer, sizeof buffer);
        if (count <= 0) return all;
        all.append(buffer, static_cast<std::size_t>(count));
    }
}

/// Raised when a remembered description would be read with another meaning.
constexpr std::string_view kCacheVersion = "2";

/// What must be the same for a remembered description to still hold.
std::string fingerprint(const std::filesystem::path& file) {
    struct stat seen {};
    if (stat(file.c_str(), &seen) != 0) return {};
    return std::string(kCacheVersion) + ":" + std::to_string(seen.st_size) + ":" + std::to_string(seen.st_mtim.tv_sec) +
           "." + std::to_string(seen.st_mtim.tv_nsec) + ":" + std::to_string(seen.st_ino) + ":" + DROVER_TOOLCHAIN +
           ":" + DROVER_DETAIL_TEXT(DROVER_ABI_MAJOR) "." DROVER_DETAIL_TEXT(DROVER_ABI_MINOR);
}

/// By file and fingerprint: JSON of the plugin, or kRefused and a packed error. One line each, a tab between the two.
using Cache = std::map<std::string, std::string>;

Cache read_cache(const std::filesystem::path& file) {
    Cache cache;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);)
        if (const auto tab = line.find('\t'); tab != std::string::npos)
            cache[line.substr(0, tab)] = line.substr(tab + 1);
    return cache;
}

void write_cache(const std::filesystem::path& file, const Cache& cache) {
    // Losing it costs a slower start, so failures are nobody's concern.
    const auto part = file.string() + "." + std::to_string(getpid()) + ".part";
    {
        std::ofstream out(part);
        for (const auto& [key, known] : cache) out << key << '\t' << known << '\n';
        if (!out) return;
    }
    std::error_code ignored;
    std::filesystem::rename(part, file, ignored);
}

/// Nothing when the file must be asked.
std::optional<Result<PluginInfo>> recall(const Cache& cache, const std::string& key) {
    const auto found = cache.find(key);
    if (found == cache.end()) return std::nullopt;
    if (found->second.starts_with(kRefused)) return unpack(found->second.substr(1));
    if (auto plugin = plugin_from_json(found->second)) return plugin;
    return std::nullopt;
}

/// Describes `file`. A refusal is forgotten, since what is around a library may be mended, unless it took all the
/// time there was: that would cost as much at every start.
Result<PluginInfo> describe_once(const std::filesystem::path& file, const std::filesystem::path& cache_file,
                                 std::string& remembered) {
    const auto begun = std::chrono::steady_clock::now();
    auto plugin = describe(file);
    if (plugin) {
        remembered = to_json(*plugin);
    } else if (std::chrono::steady_clock::now() - begun >= kDescribeWithin) {
        const auto& error = plugin.error();
        remembered = kRefused + pack(Error(error.code(), error.message() + " when it was loaded last",
                                           error.hint() + " It is tried again when the file has changed, or without " +
                                               cache_file.string() + "."));
    }
    return plugin;
}

}  // namespace

const ProvidedService* PluginInfo::provides_service(std::string_view interface_id) const {
    for (const auto& service : provides)
        if (service.id == interface_id) return &service;
    return nullptr;
}

const ProvidedService* PluginInfo::extends_interface(std::string_view interface_id) const {
    for (const auto& extension : extends)
        if (extension.id == interface_id) return &extension;
    return nullptr;
}

std::string PluginInfo::title() const {
    return note.id + " " + note.version + (note.build_id.empty() ? "" : " (build " + note.build_id.substr(0, 8) + ")");
}

std::vector<const PluginInfo*> Catalogue::named(std::string_view name) const {
    std::vector<const PluginInfo*> found;
    for (const auto& plugin : plugins)
        if (plugin.note.id == name) found.push_back(&plugin);
    if (!found.empty()) return found;
    for (const auto& plugin : plugins)
        if (plugin.short_name() == name) found.push_back(&plugin);
    return found;
}

Result<PluginInfo> describe(const std::filesystem::path& file) {
    // Most wrong files need no child to be refused.
    auto note = host::read_note(file);
    if (!note) return note.error();
    if (auto accepted = host::check_note(*note, file); !accepted) return accepted.error();

    int channel[2];
    if (pipe2(channel, O_CLOEXEC) != 0) return Error(Errc::exhausted, "cannot make a pipe to describe a plugin");
    const auto child = fork();
    if (child < 0) return Error(Errc::exhausted, "cannot fork a process to describe a plugin");
    if (child == 0) {
        close(channel[0]);
        describe_in_child(file, channel[1]);
    }
    close(channel[1]);
    const auto answer = read_all(channel[0], std::chrono::steady_clock::now() + kDescribeWithin);
    close(channel[0]);
    kill(child, SIGKILL);  // it has answered, or never will
    int status = 0;
    waitpid(child, &status, 0);
    const auto who = file.string() + " (" + note->id + " " + note->version + ")";
    if (answer.empty())
        return Error(Errc::internal,
                     who + (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL
                                ? ": crashed while it was loaded (signal " + std::to_string(WTERMSIG(status)) + ")"
                                : ": did not describe itself within 10 s"),
                     "This is a mistake in the plugin; tell its author.");
    if (answer.front() == kRefused) return unpack(answer.substr(1));
    auto plugin = plugin_from_json(std::string_view(answer).substr(1));
    if (!plugin) return plugin.error().in(who);
    return plugin;
}

Result<Catalogue> find_plugins(const std::vector<std::filesystem::path>& folders,
                               const std::filesystem::path& cache_file) {
    Catalogue catalogue;
    catalogue.folders = folders;
    const auto known = cache_file.empty() ? Cache{} : read_cache(cache_file);
    Cache remembered;
    for (const auto& folder : folders) {
        std::error_code failure;
        std::vector<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::directory_iterator(folder, failure))
            if (entry.path().extension() == ".so") files.push_back(entry.path());
        if (failure)
            return Error(Errc::not_found,
                         "the plugin folder " + folder.string() + " cannot be read: " + failure.message(),
                         "Check the key plugin.path.");
        std::sort(files.begin(), files.end());
        for (const auto& file : files) {
            const auto key = file.string() + "|" + fingerprint(file);
            auto recalled = recall(known, key);
            std::string keep = recalled ? known.at(key) : std::string();
            auto plugin = recalled ? std::move(*recalled) : describe_once(file, cache_file, keep);
            if (!keep.empty()) remembered[key] = std::move(keep);
            if (!plugin) {
                catalogue.refused.push_back({file, plugin.error()});
                continue;
            }
            // The same build twice, in two folders, is one plugin.
            const bool twin =
                std::any_of(catalogue.plugins.begin(), catalogue.plugins.end(), [&](const PluginInfo& other) {
                    return other.note.id == plugin->note.id && !other.note.build_id.empty() &&
                           other.note.build_id == plugin->note.build_id;
                });
            if (!twin) catalogue.plugins.push_back(std::move(*plugin));
        }
    }
    std::stable_sort(catalogue.plugins.begin(), catalogue.plugins.end(),
                     [](const PluginInfo& a, const PluginInfo& b) { return a.note.id < b.note.id; });
    if (!cache_file.empty() && remembered != known) write_cache(cache_file, remembered);
    return catalogue;
}

std::filesystem::path own_plugin_folder() {
    const auto program = std::filesystem::read_symlink("/proc/self/exe");
    return program.parent_path().parent_path() / "lib/drover/plugins";
}

}  // namespace drover::core
