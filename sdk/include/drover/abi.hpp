#pragma once

#include <cstdint>

/// The handshake: what a plugin library says of itself in an ELF note, read from the file before dlopen.
///
/// ELF note format: System V ABI, chapter 5, "Note Section". Name "DROVER", type 1, 4-byte aligned.

#define DROVER_ABI_MAJOR 0
#define DROVER_ABI_MINOR 1

#define DROVER_DETAIL_TEXT2(x) #x
#define DROVER_DETAIL_TEXT(x) DROVER_DETAIL_TEXT2(x)

#if defined(__clang__)
#define DROVER_DETAIL_COMPILER "clang-" DROVER_DETAIL_TEXT(__clang_major__)
#elif defined(__GNUC__)
#define DROVER_DETAIL_COMPILER "gcc-" DROVER_DETAIL_TEXT(__GNUC__)
#else
#error "Drover plugins are built with g++ 12 or clang 14, or later"
#endif

#include <boost/version.hpp>
#include <string>  // for _GLIBCXX_USE_CXX11_ABI

#ifdef _GLIBCXX_ASSERTIONS
#define DROVER_DETAIL_ASSERTIONS "on"
#else
#define DROVER_DETAIL_ASSERTIONS "off"
#endif

#if defined(BOOST_ASIO_DYN_LINK)
#define DROVER_DETAIL_ASIO "shared"
#else
#define DROVER_DETAIL_ASIO "header-only"
#endif

#if defined(__SANITIZE_ADDRESS__)
#define DROVER_DETAIL_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define DROVER_DETAIL_SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DROVER_DETAIL_SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define DROVER_DETAIL_SANITIZER "thread"
#else
#define DROVER_DETAIL_SANITIZER "none"
#endif
#else
#define DROVER_DETAIL_SANITIZER "none"
#endif

/// Everything that must agree for C++ types to cross between the kernel and a plugin.
#define DROVER_TOOLCHAIN                                                                                            \
    "compiler=" DROVER_DETAIL_COMPILER                                                                              \
    " cxx11abi=" DROVER_DETAIL_TEXT(_GLIBCXX_USE_CXX11_ABI) " assertions=" DROVER_DETAIL_ASSERTIONS                 \
                                                            " boost=" BOOST_LIB_VERSION " asio=" DROVER_DETAIL_ASIO \
                                                            " sanitizer=" DROVER_DETAIL_SANITIZER

namespace drover::abi {

inline constexpr std::uint32_t kNoteType = 1;
inline constexpr char kMagic[8] = {'D', 'R', 'O', 'V', 'E', 'R', '-', 'P'};  // changes never
inline constexpr std::uint32_t kNoteVersion = 1;
inline constexpr const char* kEntrySymbol = "drover_plugin_entry";

/// The note's description. Read nothing beyond `note_version` until magic and version agree.
struct NoteBody {
    char magic[8];
    std::uint32_t note_version;
    std::uint16_t abi_major;
    std::uint16_t abi_minor;
    char id[64];
    char version[32];
    char toolchain[160];
};

struct Note {
    std::uint32_t name_size;
    std::uint32_t body_size;
    std::uint32_t type;
    char name[8];
    NoteBody body;
};
static_assert(sizeof(Note) == 20 + sizeof(NoteBody), "no gaps: the loader reads it by these offsets");

}  // namespace drover::abi
