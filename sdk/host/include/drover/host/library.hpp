#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "drover/plugin.hpp"

namespace drover::host {

/// What a library says of itself before any of its code runs.
struct PluginNote {
    std::string id;
    std::string version;
    int abi_major = 0;
    int abi_minor = 0;
    std::string toolchain;
    std::string build_id;  ///< hex, from the GNU build-id note; empty when linked without
};

/// Reads the note from the file. Runs nothing of it.
/// Errors: not_found (no file), invalid (not a shared library for this machine, no note, wrong magic,
///         a note of another version), each naming the file and the remedy.
Result<PluginNote> read_note(const std::filesystem::path& file);

/// Does this build of Drover accept such a plugin? Errors: unsupported, naming both sides and the remedy.
Result<void> check_note(const PluginNote& note, const std::filesystem::path& file);

/// A loaded plugin library. Never unloaded while the process lives: exceptions, type information and
/// thread-locals of it may outlive every object we know.
class Library {
public:
    /// Reads and checks the note, copies the file to `copies` under the name of its build (unless that is
    /// empty), loads it and asks for its descriptor.
    /// Errors: those of read_note and check_note; unsupported (undefined symbols, no entry symbol); invalid
    ///         (a descriptor that contradicts itself); internal (it threw).
    static Result<std::shared_ptr<const Library>> load(const std::filesystem::path& file,
                                                       const std::filesystem::path& copies);

    const std::filesystem::path& file() const { return file_; }
    const PluginNote& note() const { return note_; }
    const std::string& id() const { return note_.id; }
    /// The last word of the id: the name of an instance that was given none.
    std::string short_name() const;
    const Descriptor& descriptor() const { return *descriptor_; }

private:
    Library() = default;
    std::filesystem::path file_;
    PluginNote note_;
    const Descriptor* descriptor_ = nullptr;
};

}  // namespace drover::host
