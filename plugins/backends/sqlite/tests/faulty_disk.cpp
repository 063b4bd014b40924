#include "faulty_disk.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace drover::sqlite_tests {
namespace {

/// A change that was not flushed yet: bytes at a place, or a new size.
struct Change {
    std::uint64_t at = 0;
    std::string bytes{};
    bool resize = false;
};

/// What a file would hold after a power cut at the least, and what might be there besides.
struct Image {
    std::string flushed;
    std::vector<Change> pending;
    std::uint64_t flushes = 0;
};

void apply(std::string& content, const Change& change, std::size_t bytes) {
    if (change.resize) {
        content.resize(change.at, '\0');
        return;
    }
    if (content.size() < change.at + bytes) content.resize(change.at + bytes, '\0');
    content.replace(change.at, bytes, change.bytes, 0, bytes);
}

}  // namespace

struct FaultyDisk::State {
    mutable std::mutex mutex;
    Fault fault = Fault::none;           // guarded by mutex
    std::string suffix;                  // guarded by mutex
    int times = 0;                       // guarded by mutex
    int shown = 0;                       // guarded by mutex
    std::map<std::string, Image> files;  // guarded by mutex; databases and their logs, by path

    sqlite3_vfs vfs{};
    sqlite3_vfs* real = nullptr;

    /// Under the mutex: does the file fail so now?
    bool fails(const std::string& file, Fault kind) {
        if (fault != kind || times == 0 || !file.ends_with(suffix)) return false;
        if (times > 0) --times;
        ++shown;
        return true;
    }
};

namespace {

using State = FaultyDisk::State;
using Fault = FaultyDisk::Fault;

/// An open file; SQLite allocates it together with the real one behind it.
struct File {
    sqlite3_file base;
    State* state;
    std::string* name;  // null: not watched
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File& file_of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
State& state_of(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }

int close_file(sqlite3_file* handle) {
    auto& file = file_of(handle);
    delete file.name;
    file.name = nullptr;
    return file.real()->pMethods->xClose(file.real());
}

int read(sqlite3_file* handle, void* to, int bytes, sqlite3_int64 at) {
    auto& file = file_of(handle);
    if (file.name) {
        const std::lock_guard lock(file.state->mutex);
        if (file.state->fails(*file.name, Fault::read_error)) return SQLITE_IOERR_READ;
    }
    return file.real()->pMethods->xRead(file.real(), to, bytes, at);
}

int write(sqlite3_file* handle, const void* from, int bytes, sqlite3_int64 at) {
    auto& file = file_of(handle);
    if (!file.name) return file.real()->pMethods->xWrite(file.real(), from, bytes, at);
    const std::lock_guard lock(file.state->mutex);
    if (file.state->fails(*file.name, Fault::full)) return SQLITE_FULL;
    if (file.state->fails(*file.name, Fault::write_error)) return SQLITE_IOERR_WRITE;
    const int code = file.real()->pMethods->xWrite(file.real(), from, bytes, at);
    if (code == SQLITE_OK)
        file.state->files[*file.name].pending.push_back(
            {static_cast<std::uint64_t>(at),
             std::string(static_cast<const char*>(from), static_cast<std::size_t>(bytes))});
    return code;
}

int truncate(sqlite3_file* handle, sqlite3_int64 size) {
    auto& file = file_of(handle);
    if (!file.name) return file.real()->pMethods->xTruncate(file.real(), size);
    const std::lock_guard lock(file.state->mutex);
    const int code = file.real()->pMethods->xTruncate(file.real(), size);
    if (code == SQLITE_OK)
        file.state->files[*file.name].pending.push_back({static_cast<std::uint64_t>(size), {}, true});
    return code;
}

int sync(sqlite3_file* handle, int flags) {
    auto& file = file_of(handle);
    if (!file.name) return file.real()->pMethods->xSync(file.real(), flags);
    const std::lock_guard lock(file.state->mutex);
    if (file.state->fails(*file.name, Fault::sync_error)) return SQLITE_IOERR_FSYNC;
    const int code = file.real()->pMethods->xSync(file.real(), flags);
    if (code != SQLITE_OK) return code;
    auto& image = file.state->files[*file.name];
    ++image.flushes;
    for (const auto& change : image.pending) apply(image.flushed, change, change.bytes.size());
    image.pending.clear();
    return code;
}

// The rest is handed on.
int file_size(sqlite3_file* f, sqlite3_int64* size) {
    return file_of(f).real()->pMethods->xFileSize(file_of(f).real(), size);
}
int lock_file(sqlite3_file* f, int level) { return file_of(f).real()->pMethods->xLock(file_of(f).real(), level); }
int unlock_file(sqlite3_file* f, int level) { return file_of(f).real()->pMethods->xUnlock(file_of(f).real(), level); }
int check_lock(sqlite3_file* f, int* out) {
    return file_of(f).real()->pMethods->xCheckReservedLock(file_of(f).real(), out);
}
int control(sqlite3_file* f, int op, void* arg) {
    return file_of(f).real()->pMethods->xFileControl(file_of(f).real(), op, arg);
}
int sector_size(sqlite3_file* f) { return file_of(f).real()->pMethods->xSectorSize(file_of(f).real()); }
int characteristics(sqlite3_file* f) { return file_of(f).real()->pMethods->xDeviceCharacteristics(file_of(f).real()); }
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return file_of(f).real()->pMethods->xShmMap(file_of(f).real(), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int n, int flags) {
    return file_of(f).real()->pMethods->xShmLock(file_of(f).real(), offset, n, flags);
}
void shm_barrier(sqlite3_file* f) { file_of(f).real()->pMethods->xShmBarrier(file_of(f).real()); }
int shm_unmap(sqlite3_file* f, int remove) { return file_of(f).real()->pMethods->xShmUnmap(file_of(f).real(), remove); }

const sqlite3_io_methods kMethods = {
    2,           close_file, read,    write,       truncate,        sync,    file_size, lock_file,
    unlock_file, check_lock, control, sector_size, characteristics, shm_map, shm_lock,  shm_barrier,
    shm_unmap,   nullptr,    nullptr};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* handle, int flags, int* out_flags) {
    auto& state = state_of(vfs);
    auto& file = file_of(handle);
    file.base.pMethods = nullptr;
    file.state = &state;
    file.name = nullptr;
    const int code = state.real->xOpen(state.real, name, file.real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    file.base.pMethods = &kMethods;
    if (!name || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) return code;
    file.name = new std::string(name);
    const std::lock_guard lock(state.mutex);
    if (state.files.contains(*file.name)) return code;
    std::ifstream content(name, std::ios::binary);
    state.files[*file.name].flushed.assign(std::istreambuf_iterator<char>(content), {});
    return code;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
    auto& state = state_of(vfs);
    const std::lock_guard lock(state.mutex);
    state.files.erase(name);
    return state.real->xDelete(state.real, name, sync_folder);
}

}  // namespace

FaultyDisk::FaultyDisk() : state_(std::make_shared<State>()) {
    auto& state = *state_;
    sqlite3_initialize();
    state.real = sqlite3_vfs_find(nullptr);
    state.vfs = *state.real;
    state.vfs.zName = "drover-faulty";
    state.vfs.pNext = nullptr;
    state.vfs.pAppData = &state;
    state.vfs.szOsFile = static_cast<int>(sizeof(File)) + state.real->szOsFile;
    state.vfs.xOpen = open_file;
    state.vfs.xDelete = delete_file;
    sqlite3_vfs_register(&state.vfs, 1);
}

FaultyDisk::~FaultyDisk() {
    sqlite3_vfs_unregister(&state_->vfs);
    sqlite3_vfs_register(state_->real, 1);
}

void FaultyDisk::break_it(Fault fault, const std::string& suffix, int times) {
    const std::lock_guard lock(state_->mutex);
    state_->fault = fault;
    state_->suffix = suffix;
    state_->times = times;
    state_->shown = 0;
}

int FaultyDisk::shown() const {
    const std::lock_guard lock(state_->mutex);
    return state_->shown;
}

std::uint64_t FaultyDisk::flushes(const std::string& suffix) const {
    const std::lock_guard lock(state_->mutex);
    std::uint64_t count = 0;
    for (const auto& [name, image] : state_->files)
        if (name.ends_with(suffix)) count += image.flushes;
    return count;
}

void FaultyDisk::cut_power(const std::filesystem::path& into, std::mt19937_64& random) {
    constexpr std::size_t kSector = 512;
    const std::lock_guard lock(state_->mutex);
    for (const auto& [name, image] : state_->files) {
        auto content = image.flushed;
        for (const auto& change : image.pending) {
            switch (random() % 3) {
                case 0: break;
                case 1: apply(content, change, change.bytes.size()); break;
                default:
                    if (change.resize || change.bytes.size() <= kSector) break;
                    apply(content, change, kSector * (random() % (change.bytes.size() / kSector)));
            }
        }
        std::ofstream file(into / std::filesystem::path(name).filename(), std::ios::binary);
        file.write(content.data(), static_cast<std::streamsize>(content.size()));
        if (!file.flush()) throw std::runtime_error("cannot write to " + into.string());
    }
}

}  // namespace drover::sqlite_tests
