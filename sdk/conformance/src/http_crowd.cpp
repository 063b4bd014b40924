#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "drover/conformance/http_kit.hpp"

// Thousands of connections. The clients are a process of their own: one process may not have files for both ends.
namespace drover::conformance {
namespace {

constexpr char kReady = 'r';
constexpr char kGo = 'g';
constexpr char kDone = 'd';
constexpr char kFailed = 'x';
constexpr int kPatienceMs = 60'000;

/// Connects, asks once on each, says so; when told, asks again on each, says so; then ends.
/// It is forked from a process with threads: only async-signal-safe calls, no memory from the heap.
class Crowd {
public:
    Crowd(const Address& address, std::size_t count) : sockets_(count, -1) {
        target_.sin_family = AF_INET;
        target_.sin_port = htons(address.port);
        inet_pton(AF_INET, address.host.c_str(), &target_.sin_addr);
        if (::pipe2(to_child_, O_CLOEXEC) != 0 || ::pipe2(from_child_, O_CLOEXEC) != 0)
            throw std::runtime_error("no pipe");
        pid_ = ::fork();
        if (pid_ == 0) live();
        ::close(to_child_[0]);
        ::close(from_child_[1]);
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        ::close(to_child_[1]);
        ::close(from_child_[0]);
    }
    /// What it says next; 0 when it says nothing.
    char heard() const {
        pollfd waiting{from_child_[0], POLLIN, 0};
        char said = 0;
        if (::poll(&waiting, 1, kPatienceMs) != 1 || ::read(from_child_[0], &said, 1) != 1) return 0;
        return said;
    }
    void go_on() const { (void)!::write(to_child_[1], &kGo, 1); }

private:
    [[noreturn]] void live() {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool well = true;
        for (auto& socket : sockets_) {
            socket = ::socket(AF_INET, SOCK_STREAM, 0);
            well = well && ::connect(socket, reinterpret_cast<const sockaddr*>(&target_), sizeof target_) == 0 &&
                   ask(socket);
        }
        say(well ? kReady : kFailed);
        char go = 0;
        if (::read(to_child_[0], &go, 1) != 1) ::_exit(1);
        for (const int socket : sockets_) well = well && ask(socket);
        say(well ? kDone : kFailed);
        ::_exit(0);
    }
    void say(char what) const { (void)!::write(from_child_[1], &what, 1); }
    static bool ask(int socket) {
        static constexpr char kRequest[] = "GET /crowd HTTP/1.1\r\nHost: kit\r\n\r\n";
        if (::send(socket, kRequest, sizeof kRequest - 1, MSG_NOSIGNAL) != sizeof kRequest - 1) return false;
        // The answer ends with the body of `fixed_handler("!")`.
        char bytes[1024];
        std::size_t size = 0;
        while (size < sizeof bytes) {
            pollfd waiting{socket, POLLIN, 0};
            if (::poll(&waiting, 1, kPatienceMs) != 1) return false;
            const auto got = ::recv(socket, bytes + size, sizeof bytes - size, 0);
            if (got <= 0) return false;
            size += static_cast<std::size_t>(got);
            if (bytes[size - 1] == '!') return true;
        }
        return false;
    }
    sockaddr_in target_{};
    std::vector<int> sockets_;
    int to_child_[2]{};
    int from_child_[2]{};
    pid_t pid_ = -1;
};

/// How many connections this process may hold, with some files left for the rest of it.
std::size_t affordable(std::size_t wanted) {
    constexpr std::size_t kOthers = 500;
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::getrlimit(RLIMIT_NOFILE, &files);
    return std::min<std::size_t>(wanted, files.rlim_cur - kOthers);
}

}  // namespace

HTTP_CASE(ThousandsOfIdleConnectionsHoldUpNobody) {
    const auto count = affordable(abilities().idle_connections);
    auto& listener = serve(fixed_handler("!"), [&](HttpListenOptions& options) {
        options.limits.connections = count + 100;
        options.limits.idle_timeout = 10min;
    });
    const Crowd crowd(listener.address(), count);
    ASSERT_EQ(crowd.heard(), kReady) << "not all of them were served";
    EXPECT_EQ(listener.counters().connections, count);
    std::cout << count << " connections are idle" << std::endl;
    for (int i = 0; i < 100; ++i) ASSERT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body, "!");
    crowd.go_on();
    EXPECT_EQ(crowd.heard(), kDone) << "some of them were not served again";
    EXPECT_TRUE(until([&] { return listener.counters().connections == 0; }))
        << listener.counters().connections << " connections were left behind";
    EXPECT_EQ(ask(listener, "GET / HTTP/1.1\r\nHost: kit\r\n\r\n").body, "!");
}

}  // namespace drover::conformance
