// The command line of a running server's control socket.
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "fuzz.hpp"
#include "kernel/control.hpp"

using namespace drover;
using fuzz::expect;

namespace {

/// A server's door, open while the program runs.
struct Door {
    fuzz::Folder folder;
    std::filesystem::path path = folder.path() / "control.sock";
    std::unique_ptr<core::ControlSocket> socket;

    Door() {
        auto opened = core::ControlSocket::open(
            path, Logger(make_null_log_sink(), "fuzz"),
            {{"plan", [](bool as_json) -> Result<std::string> { return std::string(as_json ? "{}" : "plan"); }},
             {"reload", [](bool) -> Result<std::string> { return Error(Errc::invalid, "refused", "Try again."); }}});
        expect(opened.has_value(), "the control socket can be opened");
        socket = std::move(*opened);
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Door door;
    const int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, door.path.c_str(), sizeof address.sun_path - 1);
    expect(connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "the server answers");
    (void)send(peer, data, size, MSG_NOSIGNAL);  // it may have seen enough before the end
    shutdown(peer, SHUT_WR);
    std::string answer;
    char buffer[1024];
    ssize_t count = 0;
    // libFuzzer's own timer interrupts.
    while ((count = recv(peer, buffer, sizeof buffer, 0)) > 0 || (count < 0 && errno == EINTR))
        if (count > 0) answer.append(buffer, static_cast<std::size_t>(count));
    close(peer);
    // What was not read when the server closed its end takes the answer with it; a line alone never does.
    const auto line = fuzz::text_of(data, size).substr(0, fuzz::text_of(data, size).find('\n'));
    const bool all_read = line.size() < 256 && size <= line.size() + 1;
    expect(answer.starts_with("ok\n") || answer.starts_with("error\n") || (answer.empty() && !all_read),
           "every line gets an answer", answer);
    if (line == "plan --json" && all_read) expect(answer == "ok\n{}\n", "a command is understood", answer);
    return 0;
}
