#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "cli/commands.hpp"
#include "drover/abi.hpp"
#include "drover/options.hpp"
#include "kernel/version.hpp"

namespace drover::core {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTestProgram = "drover-plugin-test";

int fail(const Error& error) {
    std::cerr << "drover: " << error.describe() << "\n";
    return 1;
}

/// What differs between the skeletons, besides the service's own files.
struct Skeleton {
    const char* service;
    const char* interface;
    const char* header;
    const char* kit;
    const char* backend;
    const char* options;
    const char* kit_options;
    const char* test_arguments;
};

constexpr const char* kWorldOption =
    "drover::text(\"world\", \"\", \"Instances that name the same world share everything in it.\")";

constexpr Skeleton kSkeletons[] = {
    {"lock", "LockService", "lock", "lock", "Backend", kWorldOption, "{\"world\", folder()}", " 'world={world}'"},
    {"events", "EventBus", "event_bus", "event_bus", "Backend", kWorldOption, "{\"world\", folder()}",
     " 'world={world}'"},
    {"store", "Store", "store", "store", "Backend", kWorldOption, "{\"world\", folder()}", " 'world={world}'"},
    {"membership", "MembershipService", "membership", "membership", "Backend", kWorldOption, "{\"world\", folder()}",
     " 'world={world}'"},
    {"http", "HttpFront", "http_front", "http", "HttpFrontBackend", "", "", ""},
};

fs::path program_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

Result<fs::path> test_program() {
    const auto here = program_folder();
    const auto installed = here.parent_path() / "libexec/drover" / kTestProgram;
    for (const auto& file : {here / kTestProgram, installed})
        if (access(file.c_str(), X_OK) == 0) return file;
    return Error(Errc::not_found,
                 std::string(kTestProgram) + " is neither in " + here.string() + " nor at " + installed.string(),
                 "It comes with the SDK; install that, or build the target drover-plugin-test.");
}

Result<const Skeleton*> skeleton_for(std::string service) {
    constexpr std::string_view kInterfacePrefix = "drover.";
    if (service.starts_with(kInterfacePrefix)) service = service.substr(kInterfacePrefix.size());
    std::vector<std::string> known;
    std::string all;
    for (const auto& skeleton : kSkeletons) {
        if (service == skeleton.service) return &skeleton;
        known.emplace_back(skeleton.service);
        all += (all.empty() ? "" : ", ") + known.back();
    }
    const auto near = nearest(service, known);
    return Error(Errc::not_found, "--provides " + service + ": there is no such service; known are " + all,
                 near.empty() ? "" : "Did you mean " + near + "?");
}

/// Lower-case words of letters, digits and '-', joined by dots, the first sign of each a letter.
bool is_plugin_id(std::string_view id) {
    constexpr std::size_t kLongest = sizeof(abi::NoteBody::id) - 1;
    char before = '.';
    for (const char c : id) {
        const bool letter = c >= 'a' && c <= 'z';
        const bool inner = (c >= '0' && c <= '9') || c == '-';
        if (!letter && !(before == '.' ? false : inner || (c == '.' && before != '-'))) return false;
        before = c;
    }
    return id.find('.') != std::string_view::npos && before != '.' && before != '-' && id.size() <= kLongest;
}

Result<void> check_id(const std::string& id) {
    if (!is_plugin_id(id))
        return Error(Errc::invalid,
                     "\"" + id +
                         "\" is no plugin id; expected at least two lower-case words of letters, digits and "
                         "'-', joined by dots, at most 63 characters",
                     "Begin with a name you own, such as com.example.locks.");
    // Names that CMake's generators keep for themselves.
    static constexpr std::string_view kTaken[] = {"all", "clean", "help", "install", "package", "test"};
    const auto name = id.substr(id.rfind('.') + 1);
    for (const auto taken : kTaken)
        if (name == taken)
            return Error(
                Errc::invalid,
                "\"" + id + "\": the last word names the library, and the build keeps \"" + name + "\" for itself",
                "Choose another last word.");
    return ok;
}

Result<void> check_target(const fs::path& folder) {
    std::error_code failure;
    if (!fs::exists(folder, failure)) return ok;
    if (fs::is_directory(folder, failure) && fs::is_empty(folder, failure)) return ok;
    return Error(Errc::conflict, folder.string() + " exists already; nothing was written",
                 "Choose another folder with --output DIR.");
}

std::string filled(std::string text, const std::map<std::string, std::string>& values) {
    for (const auto& [name, value] : values) {
        const auto mark = "@" + name + "@";
        for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size()))
            text.replace(at, mark.size(), value);
    }
    return text;
}

/// Writes every file below `from` to the same place below `to`, without the ".in" of its name.
Result<std::vector<std::string>> copy_filled(const fs::path& from, const fs::path& to,
                                             const std::map<std::string, std::string>& values) {
    std::vector<std::string> written;
    try {
        for (const auto& entry : fs::recursive_directory_iterator(from)) {
            if (!entry.is_regular_file() || entry.path().extension() != ".in") continue;
            const auto name = fs::relative(entry.path(), from).replace_extension();
            std::ifstream in(entry.path());
            std::ostringstream text;
            text << in.rdbuf();
            fs::create_directories((to / name).parent_path());
            std::ofstream out(to / name);
            out << filled(text.str(), values);
            if (!in || !out.flush())
                return Error(Errc::denied, "cannot write " + (to / name).string(),
                             "Check its permissions and the space.");
            written.push_back(name.string());
        }
    } catch (const fs::filesystem_error& failure) {
        return Error(Errc::denied, failure.what(), "Check the permissions and the space.");
    }
    return written;
}

/// Prints what the kit demands; the list comes from the kit itself, so it is never out of date.
void print_promises(const std::string& service) {
    const auto program = test_program();
    if (!program) {
        std::cout << "The promises are those of the kit; it cannot be shown: " << program.error().describe() << "\n";
        return;
    }
    std::cout.flush();
    const auto child = fork();
    if (child == 0) {
        execl(program->c_str(), kTestProgram, "--promises", service.c_str(), nullptr);
        _exit(127);
    }
    int status = 0;
    waitpid(child, &status, 0);
}

std::string quoted(const std::string& word) {
    return word.find_first_of(" \t'\"$&;()*?") == std::string::npos ? word : "'" + word + "'";
}

}  // namespace

int run_plugin_new(const std::string& id, const std::string& provides, const fs::path& wanted_folder) {
    if (const auto good = check_id(id); !good) return fail(good.error());
    const auto skeleton = skeleton_for(provides);
    if (!skeleton) return fail(skeleton.error());
    const auto& kind = **skeleton;
    const auto name = id.substr(id.rfind('.') + 1);
    const auto folder = wanted_folder.empty() ? fs::path(name) : wanted_folder;
    if (const auto free = check_target(folder); !free) return fail(free.error());

    const auto prefix = program_folder().parent_path();
    const auto skeletons = prefix / "share/drover/template/skeletons";
    if (!fs::exists(skeletons / kind.service))
        return fail(Error(Errc::not_found, "the skeletons are missing at " + skeletons.string(),
                          "They come with the SDK; install that beside this program."));
    auto identifier = "plugin_" + name;
    for (char& c : identifier)
        if (c == '-') c = '_';
    const std::map<std::string, std::string> values{
        {"ID", id},
        {"NAME", name},
        {"NAMESPACE", identifier},
        {"SERVICE", kind.service},
        {"INTERFACE", kind.interface},
        {"HEADER", kind.header},
        {"KIT", kind.kit},
        {"BACKEND", kind.backend},
        {"OPTIONS", kind.options},
        {"KIT_OPTIONS", *kind.kit_options ? "{" + std::string(kind.kit_options) + "}" : ""},
        {"TEST_ARGUMENTS", kind.test_arguments},
        {"SDK_VERSION", kVersion},
    };
    std::vector<std::string> written;
    for (const auto* part : {"common", kind.service}) {
        auto copied = copy_filled(skeletons / part, folder, values);
        if (!copied) return fail(copied.error());
        written.insert(written.end(), copied->begin(), copied->end());
    }

    std::cout << "Made the plugin " << id << " in " << folder.string() << ":\n";
    for (const auto& file : written) std::cout << "  " << file << "\n";
    std::cout << "\nEvery verb answers `unsupported`, so the kit is red for now.\n";
    print_promises(kind.service);
    const bool installed = fs::exists(prefix / "lib/cmake/drover/drover-config.cmake");
    const auto here = quoted(folder.string());
    std::cout << "\nNext:\n"
              << "  cmake -S " << here << " -B " << here
              << "/build -DCMAKE_PREFIX_PATH=" << (installed ? quoted(prefix.string()) : "PREFIX") << "\n"
              << "  cmake --build " << here << "/build\n"
              << "  drover plugin test " << here << "/build/" << name << ".so" << kind.test_arguments << "\n";
    if (!installed) std::cout << "where PREFIX is where Drover is installed: cmake --install BUILD --prefix PREFIX\n";
    return 0;
}

int run_plugin_test(const fs::path& file, const std::vector<std::string>& arguments) {
    const auto program = test_program();
    if (!program) return fail(program.error());
    std::vector<std::string> words{kTestProgram, file.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::cout.flush();
    execv(program->c_str(), pointers.data());
    return fail(Error(Errc::unavailable, "cannot run " + program->string() + ": " + std::strerror(errno)));
}

}  // namespace drover::core
