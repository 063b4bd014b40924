// What the fuzzers share.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

/// libFuzzer calls it with each input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace drover::fuzz {

/// Ends the program when a promise is broken; libFuzzer then keeps the input.
inline void expect(bool holds, std::string_view promise, std::string_view seen = {}) {
    if (holds) return;
    std::fprintf(stderr, "broken: %.*s\n%.*s\n", static_cast<int>(promise.size()), promise.data(),
                 static_cast<int>(seen.size()), seen.data());
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Splits off what stands before the first `mark`; without one, all of it.
inline std::string_view take_until(std::string_view& rest, char mark) {
    const auto end = rest.find(mark);
    const auto part = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return part;
}

/// A folder that goes when the program ends.
class Folder {
public:
    Folder() : path_((std::filesystem::temp_directory_path() / "drover-fuzz-XXXXXX").string()) {
        expect(mkdtemp(path_.data()) != nullptr, "a temporary folder can be made", path_);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::filesystem::path path() const { return path_; }

private:
    std::string path_;
};

}  // namespace drover::fuzz
