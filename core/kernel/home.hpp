#pragma once

#include <filesystem>
#include <string>

#include "drover/result.hpp"

namespace drover::core {

/// server.home, held against a second server for as long as this lives (flock on `lock`, which names the
/// holder). The lock ends with the process, however it ends.
class Home {
public:
    /// Makes the folder (mode 0700) when it is missing.
    /// Errors: busy (naming the holder and its process), denied, unavailable.
    static Result<Home> open(const std::filesystem::path& folder, const std::string& server_name);

    Home(Home&& other) noexcept;
    Home& operator=(Home&&) = delete;
    ~Home();

    const std::filesystem::path& folder() const { return folder_; }
    std::filesystem::path control_socket() const { return folder_ / "control.sock"; }
    /// Copies of the plugins that run, and what was learned about those found.
    std::filesystem::path plugin_copies() const { return folder_ / "cache/plugins"; }
    static std::filesystem::path catalogue_cache(const std::filesystem::path& folder) {
        return folder / "cache/catalogue";
    }

private:
    Home(std::filesystem::path folder, int file) : folder_(std::move(folder)), file_(file) {}
    std::filesystem::path folder_;
    int file_ = -1;
};

}  // namespace drover::core
