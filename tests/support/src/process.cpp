#include "drover/test/process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace drover::test {
namespace {

/// argv or envp: the texts and pointers to them, ended by a null pointer.
class Words {
public:
    explicit Words(std::vector<std::string> words) : words_(std::move(words)) {
        for (auto& word : words_) pointers_.push_back(word.data());
        pointers_.push_back(nullptr);
    }
    char** data() { return pointers_.data(); }

private:
    std::vector<std::string> words_;
    std::vector<char*> pointers_;
};

std::vector<std::string> environment_of(const Command& command) {
    std::map<std::string, std::string> all;
    for (char** variable = environ; *variable; ++variable) {
        const std::string text(*variable);
        const auto name = text.substr(0, text.find('='));
        // Keys of Drover that somebody set for himself would change what is tested.
        const bool kept = command.bare_environment ? name == "PATH" : !name.starts_with("DROVER_");
        if (kept) all[name] = text.substr(name.size() + 1);
    }
    for (const auto& [name, value] : command.environment) all[name] = value;
    std::vector<std::string> lines;
    for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
    return lines;
}

std::string program_of(const Command& command) {
    const auto& name = command.words.at(0);
    if (name.find('/') != std::string::npos) return name;
    const char* path = std::getenv("PATH");
    std::istringstream folders(path ? path : "/usr/bin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        auto file = folder + "/" + name;
        if (access(file.c_str(), X_OK) == 0) return file;
    }
    throw std::runtime_error("there is no program " + name + " on PATH");
}

Ending ending_of(const siginfo_t& seen) {
    if (seen.si_code == CLD_EXITED) return {seen.si_status, 0};
    return {-1, seen.si_status};
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "drover-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a temporary folder " + pattern);
    path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    std::ostringstream content;
    content << in.rdbuf();
    return content.str();
}

void write_file(const std::filesystem::path& file, std::string_view content) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream out(file, std::ios::binary);
    out << content;
    if (!out.flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string to_string(const Ending& ending) {
    return ending.signal ? "ended by signal " + std::to_string(ending.signal)
                         : "exit status " + std::to_string(ending.status);
}

struct Process::State {
    pid_t pid = -1;
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::string output;            // guarded by mutex
    bool closed = false;           // guarded by mutex; nothing more will be said
    std::optional<Ending> ending;  // guarded by mutex
    std::thread reader;
    std::thread waiter;

    void read_from(int descriptor) {
        char buffer[8192];
        for (;;) {
            const auto count = read(descriptor, buffer, sizeof buffer);
            if (count < 0 && errno == EINTR) continue;
            const std::lock_guard lock(mutex);
            if (count > 0) output.append(buffer, static_cast<std::size_t>(count));
            else closed = true;
            changed.notify_all();
            if (closed) break;
        }
        close(descriptor);
    }
    void wait_for_end() {
        // Looks without reaping: until the owner dies, nobody else can get this pid or group.
        siginfo_t seen{};
        while (waitid(P_PID, static_cast<id_t>(pid), &seen, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
        }
        const std::lock_guard lock(mutex);
        ending = ending_of(seen);
        changed.notify_all();
    }
};

Process::Process(const Command& command) : state_(std::make_unique<State>()) {
    const auto program = program_of(command);
    Words arguments(command.words);
    Words environment(environment_of(command));
    const auto folder = command.folder.string();
    int channel[2];
    if (pipe2(channel, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
    const auto parent = getpid();
    const auto child = fork();
    if (child < 0) throw std::runtime_error("cannot fork");
    if (child == 0) {
        // Only what POSIX allows between fork and exec.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(126);
        setpgid(0, 0);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        dup2(channel[1], STDOUT_FILENO);
        dup2(channel[1], STDERR_FILENO);
        const int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        if (!folder.empty() && chdir(folder.c_str()) != 0) _exit(126);
        execve(program.c_str(), arguments.data(), environment.data());
        _exit(127);
    }
    setpgid(child, child);
    close(channel[1]);
    state_->pid = child;
    state_->reader = std::thread([state = state_.get(), from = channel[0]] { state->read_from(from); });
    state_->waiter = std::thread([state = state_.get()] { state->wait_for_end(); });
}

Process::~Process() {
    // Its group may have members that outlived it; killing them also closes the pipe that they write to.
    kill(-state_->pid, SIGKILL);
    kill(state_->pid, SIGKILL);
    state_->waiter.join();
    state_->reader.join();
    waitpid(state_->pid, nullptr, 0);
}

pid_t Process::pid() const { return state_->pid; }

std::string Process::output() const {
    const std::lock_guard lock(state_->mutex);
    return state_->output;
}

bool Process::running() const {
    const std::lock_guard lock(state_->mutex);
    return !state_->ending;
}

std::optional<std::string> Process::wait_for_line(std::string_view text, std::chrono::milliseconds at_most) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    std::unique_lock lock(state_->mutex);
    std::size_t begin = 0;
    for (;;) {
        for (auto end = state_->output.find('\n', begin); end != std::string::npos;
             end = state_->output.find('\n', begin)) {
            auto line = state_->output.substr(begin, end - begin);
            if (line.find(text) != std::string::npos) return line;
            begin = end + 1;
        }
        if (state_->closed) return std::nullopt;
        if (state_->changed.wait_until(lock, until) == std::cv_status::timeout) return std::nullopt;
    }
}

void Process::signal(int number) {
    const std::lock_guard lock(state_->mutex);
    if (!state_->ending) kill(state_->pid, number);
}

std::optional<Ending> Process::wait(std::chrono::milliseconds at_most) {
    std::unique_lock lock(state_->mutex);
    state_->changed.wait_for(lock, at_most, [&] { return state_->ending.has_value(); });
    if (!state_->ending) return std::nullopt;
    // What it said last is still on its way. What it left running may keep the pipe open: do not wait for that.
    constexpr auto kLastWords = std::chrono::seconds(2);
    state_->changed.wait_for(lock, kLastWords, [&] { return state_->closed; });
    return state_->ending;
}

Finished run(const Command& command, std::chrono::milliseconds at_most) {
    Process process(command);
    const auto ending = process.wait(at_most);
    if (ending) return {*ending, process.output()};
    process.signal(SIGKILL);
    return {process.wait().value_or(Ending{-1, SIGKILL}),
            process.output() + "\n(killed: it did not end within " + std::to_string(at_most.count()) + " ms)\n"};
}

}  // namespace drover::test
