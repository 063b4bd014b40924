#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace drover::core {

/// What nearly every command takes.
struct CommonOptions {
    std::filesystem::path config;
    std::vector<std::string> defines;
    bool json = false;
    bool dot = false;
};

/// Each returns the exit status of the program: 0 when it worked, 1 when not, and says why on standard
/// error.
int run_server(const CommonOptions& options);
int run_check(const CommonOptions& options);
int run_plan(const CommonOptions& options);
/// status, reload, drain: asks the running server of that home.
int run_control(const CommonOptions& options, const std::string& command);

int run_config_show(const CommonOptions& options, const std::string& only);
int run_config_reference(const CommonOptions& options, const std::filesystem::path& folder, bool only_compare);

int run_plugin_list(const CommonOptions& options);
int run_plugin_inspect(const CommonOptions& options, const std::string& id_or_file);
int run_plugin_new(const std::string& id, const std::string& provides, const std::filesystem::path& folder);
int run_plugin_test(const std::filesystem::path& file, const std::vector<std::string>& arguments);

}  // namespace drover::core
