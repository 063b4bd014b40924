#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::test {

/// A folder that goes with its owner. Its path is short, so that sockets fit below it.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path operator/(const std::filesystem::path& below) const { return path_ / below; }

private:
    std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view content);

/// What to run.
struct Command {
    std::vector<std::string> words;  ///< the program's path, or a name found on PATH, and its arguments
    std::filesystem::path folder{};  ///< to run in; the present one when empty
    std::map<std::string, std::string> environment{};  ///< set besides, or instead of, what is inherited
    bool bare_environment = false;                     ///< inherit PATH only, as `env -i PATH="$PATH"` does
};

/// How a process ended.
struct Ending {
    int status = -1;  ///< of exit; -1 when a signal ended it
    int signal = 0;   ///< that ended it; 0 when it left by itself
    bool operator==(const Ending&) const = default;
};
std::string to_string(const Ending& ending);

/// A child process with all that it says on standard output and standard error, in one text.
///
/// Its end is bound to its owner's: the destructor kills it and all it started (its process group), and it
/// dies with the thread that started it. Thread-safety: every method may be called from any thread.
class Process {
public:
    /// Throws std::runtime_error when it cannot be started.
    explicit Process(const Command& command);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    pid_t pid() const;
    std::string output() const;
    bool running() const;
    /// Blocks until a line contains `text`, looking at lines from the beginning; that line, or nothing when
    /// the process ended or the time passed without it.
    std::optional<std::string> wait_for_line(std::string_view text,
                                             std::chrono::milliseconds at_most = std::chrono::seconds(20));
    void signal(int number);
    /// Blocks until it ended; nothing when it did not in time.
    std::optional<Ending> wait(std::chrono::milliseconds at_most = std::chrono::seconds(20));

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// A process from its begin to its end.
struct Finished {
    Ending ending;
    std::string output;
    bool ok() const { return ending == Ending{0, 0}; }
};
/// Runs a command; kills it when it does not end in time, and says so at the end of its output.
Finished run(const Command& command, std::chrono::milliseconds at_most = std::chrono::seconds(60));

/// The `drover` program of this build.
std::filesystem::path drover_program();

/// A tree like an installed one (bin/drover, lib/drover/plugins), with only the plugins that a test wants:
/// what else was built does not matter to it.
class DroverTree {
public:
    DroverTree();

    const std::filesystem::path& root() const { return folder_.path(); }
    std::filesystem::path program() const { return folder_ / "bin" / "drover"; }
    std::filesystem::path plugins() const { return folder_ / "lib" / "drover" / "plugins"; }
    /// Adds a plugin file, under its own name or another.
    void add(const std::filesystem::path& plugin, const std::string& as = {});
    /// Adds one of Drover's own plugins, such as "memory".
    void add_own(const std::string& name);

    /// `drover ARGUMENTS...`, to its end.
    Finished drover(std::vector<std::string> arguments, std::chrono::milliseconds at_most = std::chrono::seconds(60));

private:
    TemporaryFolder folder_;
};

/// A running `drover server` with a home of its own.
class ServerProcess {
public:
    /// `defines` as of -D: "key=value". Does not wait for anything.
    ServerProcess(const DroverTree& tree, std::vector<std::string> defines);
    /// Under a home that others know too, and with a configuration file unless that is empty.
    ServerProcess(const DroverTree& tree, std::filesystem::path home, const std::filesystem::path& config,
                  std::vector<std::string> defines);

    Process& process() { return *process_; }
    const std::filesystem::path& home() const { return home_; }
    std::string log() const { return process_->output(); }
    /// Blocks until the server says that it is ready; false when it ended before or the time passed.
    bool wait_ready(std::chrono::milliseconds at_most = std::chrono::seconds(20));
    /// SIGTERM, and how it ended; nothing when it did not in time.
    std::optional<Ending> stop(std::chrono::milliseconds at_most = std::chrono::seconds(20));

private:
    TemporaryFolder folder_;
    std::filesystem::path home_;
    std::unique_ptr<Process> process_;
};

}  // namespace drover::test
