#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <random>

namespace drover::sqlite_tests {

/// A disk that fails on demand, below SQLite in this process: a VFS that becomes the default one. It also
/// remembers what was flushed and what was not, so that a power cut can be played.
class FaultyDisk {
public:
    enum class Fault : unsigned char {
        none,
        full,         ///< writing says that the disk is full
        write_error,  ///< writing fails
        sync_error,   ///< flushing fails; what was written is in the file
        read_error,
    };

    FaultyDisk();
    ~FaultyDisk();
    FaultyDisk(const FaultyDisk&) = delete;
    FaultyDisk& operator=(const FaultyDisk&) = delete;

    /// From now on, in files whose name ends in `suffix` ("" for all): `times` times, or until it is mended.
    void break_it(Fault fault, const std::string& suffix = {}, int times = -1);
    void mend() { break_it(Fault::none); }
    /// How often the fault showed since `break_it`.
    int shown() const;
    /// How often files whose name ends in `suffix` were flushed since the beginning.
    std::uint64_t flushes(const std::string& suffix) const;

    /// Copies every file as a power cut at this moment could leave it: what was flushed is there; of the
    /// rest each write happened, or did not, or was cut off.
    void cut_power(const std::filesystem::path& into, std::mt19937_64& random);

    struct State;

private:
    std::shared_ptr<State> state_;  // owners: this and the VFS
};

}  // namespace drover::sqlite_tests
