#include "kernel/control.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

namespace drover::core {
namespace {

constexpr int kPatience = 5'000;  ///< milliseconds for the peer to send or take its line
constexpr std::size_t kLongestCommand = 256;

/// A file descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) close(number_);
    }
    int get() const { return number_; }

private:
    int number_;
};

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto text = path.string();
    if (text.size() >= sizeof address.sun_path)
        return Error(Errc::invalid,
                     "the path of the control socket, " + text + ", has " + std::to_string(text.size()) +
                         " bytes; at most " + std::to_string(sizeof address.sun_path - 1) + " are possible",
                     "Choose a shorter server.home.");
    std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
    return address;
}

/// `call` again when a signal came between: that is no answer.
template <class Call>
auto uninterrupted(Call call) {
    for (;;)
        if (const auto result = call(); result >= 0 || errno != EINTR) return result;
}

bool wait_for(int descriptor, short events, int milliseconds) {
    pollfd waiting{descriptor, events, 0};
    return uninterrupted([&] { return poll(&waiting, 1, milliseconds); }) > 0;
}

std::string read_line(int from) {
    std::string line;
    char c = 0;
    while (line.size() < kLongestCommand && wait_for(from, POLLIN, kPatience) &&
           uninterrupted([&] { return read(from, &c, 1); }) == 1 && c != '\n')
        line += c;
    return line;
}

void send_all(int to, std::string_view text) {
    while (!text.empty() && wait_for(to, POLLOUT, kPatience)) {
        const auto sent = uninterrupted([&] { return send(to, text.data(), text.size(), MSG_NOSIGNAL); });
        if (sent <= 0) return;
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

class Socket final : public ControlSocket {
public:
    Socket(std::filesystem::path path, Descriptor listening, Descriptor wake, const Logger& log,
           ControlCommands commands)
        : path_(std::move(path)),
          listening_(std::move(listening)),
          wake_(std::move(wake)),
          log_(log.named("control")),
          commands_(std::move(commands)),
          thread_([this] { serve(); }) {
        pthread_setname_np(thread_.native_handle(), "control");
    }
    ~Socket() override {
        const std::uint64_t one = 1;
        (void)!write(wake_.get(), &one, sizeof one);
        thread_.join();
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }

private:
    void serve() {
        for (;;) {
            pollfd waiting[] = {{listening_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
            if (poll(waiting, 2, -1) < 0 && errno != EINTR) return;
            if (waiting[1].revents) return;
            if (!waiting[0].revents) continue;
            const Descriptor peer(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
            if (peer.get() >= 0) answer(peer.get());
        }
    }
    void answer(int peer) {
        auto name = read_line(peer);
        constexpr std::string_view kJson = " --json";
        const bool as_json = name.ends_with(kJson);
        if (as_json) name.resize(name.size() - kJson.size());
        const auto found = commands_.find(name);
        if (found == commands_.end()) {
            std::string known;
            for (const auto& [command, run] : commands_) known += (known.empty() ? "" : ", ") + command;
            return send_all(peer, "error\nunknown command; known are " + known + "\n");
        }
        log_.info("command", {{"command", name}});
        const auto result = found->second(as_json);
        send_all(peer, result ? "ok\n" + *result + "\n" : "error\n" + result.error().describe() + "\n");
    }

    std::filesystem::path path_;
    Descriptor listening_;
    Descriptor wake_;
    Logger log_;
    ControlCommands commands_;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<ControlSocket>> ControlSocket::open(const std::filesystem::path& path, const Logger& log,
                                                           ControlCommands commands) {
    auto address = address_of(path);
    if (!address) return address.error();
    std::error_code ignored;
    std::filesystem::remove(path, ignored);  // of a server that died; the home's lock says it is ours
    Descriptor listening(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    Descriptor wake(eventfd(0, EFD_CLOEXEC));
    const auto refused = [&](const char* what) {
        return Error(Errc::unavailable,
                     "the control socket " + path.string() + ": " + what + ": " + std::strerror(errno));
    };
    if (listening.get() < 0 || wake.get() < 0) return refused("cannot be made");
    // The mode is set before anybody can connect.
    if (fchmod(listening.get(), 0600) != 0) return refused("cannot be protected");
    const auto before = umask(0177);
    const int bound = bind(listening.get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address);
    umask(before);
    if (bound != 0) return refused("cannot be bound");
    if (listen(listening.get(), 8) != 0) return refused("cannot listen");
    return std::unique_ptr<ControlSocket>(
        new Socket(path, std::move(listening), std::move(wake), log, std::move(commands)));
}

Result<std::string> ask_server(const std::filesystem::path& home, const std::string& command, bool as_json) {
    auto address = address_of(std::filesystem::absolute(home) / "control.sock");
    if (!address) return address.error();
    const Descriptor peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(peer.get(), reinterpret_cast<sockaddr*>(&*address), sizeof *address) != 0)
        return Error(Errc::not_found,
                     "no server answers in " + std::filesystem::absolute(home).string() + ": " + std::strerror(errno),
                     "Start one with `drover server --config FILE`, or name its home with -D server.home=DIR.");
    send_all(peer.get(), command + (as_json ? " --json\n" : "\n"));
    std::string answer;
    char buffer[4096];
    constexpr int kServerPatience = 60'000;
    while (wait_for(peer.get(), POLLIN, kServerPatience)) {
        const auto count = read(peer.get(), buffer, sizeof buffer);
        if (count <= 0) break;
        answer.append(buffer, static_cast<std::size_t>(count));
    }
    if (answer.starts_with("ok\n")) return answer.substr(3);
    if (answer.starts_with("error\n")) return Error(Errc::invalid, answer.substr(6, answer.size() - 7));
    return Error(Errc::timeout, "the server in " + home.string() + " did not answer within a minute");
}

std::string status_text(const std::vector<PluginStatus>& all, bool as_json) {
    namespace json = boost::json;
    static constexpr const char* kStates[] = {"ok", "degraded", "failed"};
    if (as_json) {
        json::array list;
        for (const auto& one : all)
            list.push_back(json::object{{"instance", one.instance},
                                        {"plugin", one.id},
                                        {"version", one.version},
                                        {"phase", one.phase},
                                        {"health", kStates[static_cast<int>(one.health.state)]},
                                        {"reason", one.health.reason}});
        return json::serialize(list);
    }
    std::size_t width = 8;
    for (const auto& one : all) width = std::max(width, one.instance.size());
    std::string text;
    for (const auto& one : all) {
        auto name = one.instance;
        name.resize(width, ' ');
        text += name + "  " + one.phase + (one.ready() ? "" : "  " + one.health.reason) + "\n";
    }
    if (!text.empty()) text.pop_back();
    return text;
}

}  // namespace drover::core
