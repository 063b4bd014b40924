#pragma once

#include <memory>
#include <string>

#include "drover/log.hpp"
#include "drover/result.hpp"

namespace drover::sqlite {

/// The right of one store in one process to use a database file. Held as a lock on FILE.lock, which names
/// the holder; the system takes it back when the process dies.
class FileClaim {
public:
    /// Makes the file when it is missing, readable by its owner only, and takes group and others out of
    /// the permissions of one that is there.
    /// Errors: not_found (no such folder), busy (naming the holder), invalid (not a plain file), unavailable.
    static Result<std::unique_ptr<FileClaim>> take(const std::string& file, const Logger& log);
    ~FileClaim();
    FileClaim(const FileClaim&) = delete;
    FileClaim& operator=(const FileClaim&) = delete;

    /// The file with its folder resolved.
    const std::string& file() const { return file_; }

private:
    FileClaim(std::string file, int lock) : file_(std::move(file)), lock_(lock) {}
    std::string file_;
    int lock_;
};

}  // namespace drover::sqlite
