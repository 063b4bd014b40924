#include "files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace drover::sqlite {
namespace {

constexpr mode_t kOwnerOnly = 0600;

Error failed(Errc code, const std::string& what, int why) {
    return Error(code, what + ": " + std::strerror(why),
                 "Look at the owner and the permissions of the file and its folder.");
}

/// Closes a descriptor that is not handed on.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

private:
    int number_;
};

std::string holder_of(int lock) {
    char text[64] = {};
    const auto size = ::pread(lock, text, sizeof text - 1, 0);
    std::string holder(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return holder.empty() ? std::string("another process") : "process " + holder;
}

Result<int> take_lock(const std::string& file) {
    const auto path = file + ".lock";
    Descriptor lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
    if (lock.get() < 0) return failed(Errc::unavailable, "cannot open " + path, errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return failed(Errc::unavailable, "cannot lock " + path, errno);
        return Error(Errc::busy, "the database " + file + " is in use by " + holder_of(lock.get()),
                     "Stop that process, or give this store another file: one process at a time may use it.");
    }
    // The name of the holder is for people. A disk that is full must not keep the store from opening.
    const auto holder = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock.get(), 0) == 0) (void)!::pwrite(lock.get(), holder.data(), holder.size(), 0);
    return lock.release();
}

/// SQLite gives its -wal and -shm the permissions of the database.
Result<void> tighten(const std::string& path, const Logger& log) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return ok;
    if (!S_ISREG(status.st_mode))
        return Error(Errc::invalid, path + " is not a plain file", "Give the store a file of its own.");
    if ((status.st_mode & 0077) == 0) return ok;
    if (::chmod(path.c_str(), kOwnerOnly) != 0) return failed(Errc::unavailable, "cannot make private " + path, errno);
    log.warning("others could read the database; made it private to its owner", {{"file", path}});
    return ok;
}

Result<void> make_file(const std::string& file, const std::string& folder) {
    const Descriptor made(::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (made.get() < 0) {
        if (errno == EEXIST) return ok;
        return failed(Errc::unavailable, "cannot make the database " + file, errno);
    }
    const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.get() < 0 || ::fsync(opened.get()) != 0)
        return failed(Errc::unavailable, "cannot write to the folder " + folder, errno);
    return ok;
}

}  // namespace

Result<std::unique_ptr<FileClaim>> FileClaim::take(const std::string& file, const Logger& log) {
    std::error_code failure;
    const std::filesystem::path given(file);
    const auto parent = given.has_parent_path() ? given.parent_path() : std::filesystem::path(".");
    const auto folder = std::filesystem::canonical(parent, failure);
    if (failure || !std::filesystem::is_directory(folder, failure))
        return Error(Errc::not_found, "the folder " + parent.string() + " of the database does not exist",
                     "Make it, or point the option file elsewhere.");
    // A link to a database claims the database, so that there is one lock for one file.
    auto path = (folder / given.filename()).string();
    if (const auto target = std::filesystem::canonical(path, failure); !failure) path = target.string();
    const auto lock = take_lock(path);
    if (!lock) return lock.error();
    std::unique_ptr<FileClaim> claim(new FileClaim(path, *lock));
    // Nobody of this process has the file open now, so closing it here drops no lock of SQLite's.
    if (auto made = make_file(path, std::filesystem::path(path).parent_path().string()); !made) return made.error();
    for (const auto* suffix : {"", "-wal", "-shm"})
        if (auto done = tighten(path + suffix, log); !done) return done.error();
    return claim;
}

FileClaim::~FileClaim() { ::close(lock_); }

}  // namespace drover::sqlite
