// The note of a plugin file, read before any of its code runs: files on the plugin path may be anything.
#include <sys/mman.h>

#include "drover/host/library.hpp"
#include "fuzz.hpp"

using namespace drover;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const int file = memfd_create("plugin.so", MFD_CLOEXEC);
    static const std::filesystem::path path = "/proc/self/fd/" + std::to_string(file);
    expect(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == static_cast<ssize_t>(size),
           "a file can be made in memory");
    const auto note = host::read_note(path);
    if (!note) {
        expect(note.error().code() == Errc::invalid && !note.error().hint().empty(), "a refusal says what to do",
               note.error().describe());
        return 0;
    }
    expect(!note->id.empty() && note->id.find('/') == std::string::npos, "an id is fit for a file name", note->id);
    (void)host::check_note(*note, path);
    return 0;
}
