#include <elf.h>

#include <array>
#include <cstring>
#include <fstream>
#include <optional>

#include "drover/host/library.hpp"

namespace drover::host {
namespace {

/// Reads a file by offsets that the file itself gives, so every one of them is checked.
class ElfFile {
public:
    explicit ElfFile(const std::filesystem::path& file) : in_(file, std::ios::binary) {
        in_.seekg(0, std::ios::end);
        size_ = in_ ? static_cast<std::uint64_t>(in_.tellg()) : 0;
    }
    bool opened() const { return in_.is_open(); }

    template <class T>
    std::optional<T> read(std::uint64_t offset) {
        T value{};
        if (!read_bytes(offset, &value, sizeof value)) return std::nullopt;
        return value;
    }
    std::string read_text(std::uint64_t offset, std::size_t longest) {
        std::string text(std::min<std::uint64_t>(longest, offset < size_ ? size_ - offset : 0), '\0');
        if (!read_bytes(offset, text.data(), text.size())) return {};
        return text.substr(0, text.find('\0'));
    }
    bool holds(std::uint64_t offset, std::uint64_t count) const { return offset <= size_ && count <= size_ - offset; }
    bool read_bytes(std::uint64_t offset, void* to, std::size_t count) {
        if (!holds(offset, count)) return false;
        in_.clear();
        in_.seekg(static_cast<std::streamoff>(offset));
        in_.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
        return static_cast<bool>(in_);
    }

private:
    std::ifstream in_;
    std::uint64_t size_ = 0;
};

template <std::size_t N>
std::string text_of(const char (&field)[N]) {
    return std::string(field, strnlen(field, N));
}

std::string read_build_id(ElfFile& elf, const Elf64_Shdr& section) {
    const auto head = elf.read<Elf64_Nhdr>(section.sh_offset);
    if (!head || head->n_descsz > 64) return {};
    std::string bytes(head->n_descsz, '\0');
    const auto name_size = (head->n_namesz + 3U) & ~3U;
    if (!elf.read_bytes(section.sh_offset + sizeof(Elf64_Nhdr) + name_size, bytes.data(), bytes.size())) return {};
    std::string hex;
    for (const unsigned char byte : bytes) {
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
    }
    return hex;
}

Error refused(const std::filesystem::path& file, const std::string& why, std::string hint) {
    return Error(Errc::invalid, file.string() + ": " + why, std::move(hint));
}

std::string machine_name(unsigned machine) {
    switch (machine) {
        case EM_X86_64: return "x86-64";
        case EM_AARCH64: return "AArch64";
        case EM_RISCV: return "RISC-V";
        case EM_PPC64: return "POWER";
        case EM_S390: return "s390";
        default: return "ELF machine " + std::to_string(machine);
    }
}

bool plain_id(const std::string& id) {
    if (id.empty() || id.front() == '.' || id.back() == '.') return false;
    for (const char c : id)
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) return false;
    return true;
}

}  // namespace

Result<PluginNote> read_note(const std::filesystem::path& file) {
    ElfFile elf(file);
    if (!elf.opened())
        return Error(Errc::not_found, file.string() + ": cannot be opened",
                     "Check the path and its permissions, and the key plugin.path.");
    std::error_code unknown;
    if (std::filesystem::is_directory(file, unknown))
        return refused(file, "is a folder, not a shared library",
                       "Folders with plugins belong into the key plugin.path.");
    const auto header = elf.read<Elf64_Ehdr>(0);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_type != ET_DYN)
        return refused(file, "is not a 64-bit shared library",
                       "A plugin is made with drover_add_plugin; see `drover plugin new`.");
#if defined(__x86_64__)
    constexpr auto kMachine = EM_X86_64;
#elif defined(__aarch64__)
    constexpr auto kMachine = EM_AARCH64;
#endif
    if (header->e_machine != kMachine)
        return refused(
            file,
            "was built for " + machine_name(header->e_machine) + "; this Drover runs on " + machine_name(kMachine),
            "Build the plugin on a machine like this one.");
    // Entries of another size would make work without end out of a small file.
    if (header->e_shnum == 0 || header->e_shentsize != sizeof(Elf64_Shdr) ||
        !elf.holds(header->e_shoff, std::uint64_t{header->e_shnum} * header->e_shentsize))
        return refused(file, "is cut short or stripped of its section table, so its plugin note cannot be read",
                       "Copy or build it again.");

    PluginNote note;
    bool found = false;
    const auto names = elf.read<Elf64_Shdr>(header->e_shoff + std::uint64_t{header->e_shstrndx} * header->e_shentsize);
    for (unsigned i = 0; names && i < header->e_shnum; ++i) {
        const auto section = elf.read<Elf64_Shdr>(header->e_shoff + std::uint64_t{i} * header->e_shentsize);
        if (!section) break;
        const auto name = elf.read_text(names->sh_offset + section->sh_name, 32);
        if (name == ".note.gnu.build-id") note.build_id = read_build_id(elf, *section);
        if (name != ".note.drover") continue;
        const auto raw = elf.read<abi::Note>(section->sh_offset);
        if (!raw || text_of(raw->name) != "DROVER" ||
            std::memcmp(raw->body.magic, abi::kMagic, sizeof abi::kMagic) != 0)
            return refused(file, "has a plugin note with wrong magic",
                           "The file is damaged, or not a Drover plugin; build it anew with DROVER_PLUGIN.");
        if (raw->body.note_version != abi::kNoteVersion || raw->body_size != sizeof(abi::NoteBody))
            return refused(file,
                           "has a plugin note of version " + std::to_string(raw->body.note_version) +
                               "; this Drover reads version " + std::to_string(abi::kNoteVersion),
                           "Rebuild the plugin against the SDK of this Drover.");
        note.id = text_of(raw->body.id);
        note.version = text_of(raw->body.version);
        note.abi_major = raw->body.abi_major;
        note.abi_minor = raw->body.abi_minor;
        note.toolchain = text_of(raw->body.toolchain);
        found = true;
    }
    if (!found)
        return refused(file, "has no plugin note, so it is not a Drover plugin",
                       "A plugin names itself with DROVER_PLUGIN; other libraries do not belong on plugin.path.");
    if (!plain_id(note.id))
        return refused(file, "has the plugin id \"" + note.id + "\"",
                       "An id is lower-case words of letters, digits and '-', joined by dots.");
    return note;
}

Result<void> check_note(const PluginNote& note, const std::filesystem::path& file) {
    const auto version = [](int major, int minor) { return std::to_string(major) + "." + std::to_string(minor); };
    const auto theirs = version(note.abi_major, note.abi_minor);
    const auto ours = version(DROVER_ABI_MAJOR, DROVER_ABI_MINOR);
    const auto who = file.string() + " (" + note.id + " " + note.version + ")";
    if (note.abi_major != DROVER_ABI_MAJOR)
        return Error(Errc::unsupported, who + ": built for SDK " + theirs + "; this Drover has SDK " + ours,
                     note.abi_major > DROVER_ABI_MAJOR
                         ? "Upgrade Drover, or build the plugin against its SDK."
                         : "Rebuild the plugin against SDK " + ours + ", or take a newer release of it.");
    if (note.abi_minor > DROVER_ABI_MINOR)
        return Error(Errc::unsupported,
                     who + ": built for SDK " + theirs + ", which is newer than this Drover's SDK " + ours,
                     "Upgrade Drover, or build the plugin against SDK " + ours + ".");
    if (note.toolchain != DROVER_TOOLCHAIN)
        return Error(
            Errc::unsupported,
            who + ": built with another toolchain.\n  plugin: " + note.toolchain + "\n  Drover: " + DROVER_TOOLCHAIN,
            "Rebuild the plugin with the compiler and Boost that built this Drover, through "
            "find_package(drover).");
    return ok;
}

}  // namespace drover::host
