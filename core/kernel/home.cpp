#include "kernel/home.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace drover::core {

Result<Home> Home::open(const std::filesystem::path& folder, const std::string& server_name) {
    std::error_code failure;
    const auto absolute = std::filesystem::absolute(folder);
    if (!std::filesystem::exists(absolute)) {
        std::filesystem::create_directories(absolute / "cache", failure);
        if (!failure) std::filesystem::permissions(absolute, std::filesystem::perms::owner_all, failure);
    } else {
        std::filesystem::create_directories(absolute / "cache", failure);
    }
    if (failure)
        return Error(Errc::denied, "server.home " + absolute.string() + " cannot be used: " + failure.message(),
                     "Choose another folder with -D server.home=DIR, or mend its permissions.");
    const auto file = absolute / "lock";
    const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0)
        return Error(Errc::denied, "cannot open " + file.string() + ": " + std::strerror(errno),
                     "Mend the permissions of server.home.");
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        std::ifstream in(file);
        std::string holder;
        std::getline(in, holder);
        close(lock);
        return Error(Errc::busy,
                     "server.home " + absolute.string() + " is in use by " +
                         (holder.empty() ? std::string("another process") : holder),
                     "Stop that server, or give this one a home of its own with -D server.home=DIR.");
    }
    const auto holder = "server " + server_name + ", process " + std::to_string(getpid()) + "\n";
    if (ftruncate(lock, 0) != 0 || pwrite(lock, holder.data(), holder.size(), 0) < 0) {
        close(lock);
        return Error(Errc::unavailable, "cannot write " + file.string() + ": " + std::strerror(errno),
                     "Check the space on its disk.");
    }
    return Home(absolute, lock);
}

Home::Home(Home&& other) noexcept : folder_(std::move(other.folder_)), file_(std::exchange(other.file_, -1)) {}

Home::~Home() {
    if (file_ >= 0) close(file_);
}

}  // namespace drover::core
