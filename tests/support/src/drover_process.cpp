#include <csignal>
#include <stdexcept>

#include "drover/test/process.hpp"

namespace drover::test {

std::filesystem::path drover_program() { return std::filesystem::path(DROVER_BUILD_DIR) / "bin" / "drover"; }

DroverTree::DroverTree() {
    std::filesystem::create_directories(program().parent_path());
    std::filesystem::create_directories(plugins());
    // A copy, not a link: the program finds its tree by the path of its own file.
    std::filesystem::copy_file(drover_program(), program());
}

void DroverTree::add(const std::filesystem::path& plugin, const std::string& as) {
    std::filesystem::copy_file(plugin, plugins() / (as.empty() ? plugin.filename().string() : as));
}

void DroverTree::add_own(const std::string& name) {
    add(std::filesystem::path(DROVER_BUILD_DIR) / "lib/drover/plugins" / (name + ".so"));
}

Finished DroverTree::drover(std::vector<std::string> arguments, std::chrono::milliseconds at_most) {
    arguments.insert(arguments.begin(), program().string());
    return run({.words = std::move(arguments), .folder = root()}, at_most);
}

ServerProcess::ServerProcess(const DroverTree& tree, std::vector<std::string> defines)
    : ServerProcess(tree, {}, {}, std::move(defines)) {}

ServerProcess::ServerProcess(const DroverTree& tree, std::filesystem::path home, const std::filesystem::path& config,
                             std::vector<std::string> defines)
    : home_(home.empty() ? folder_ / "home" : std::move(home)) {
    Command command{.words = {tree.program().string(), "server", "-D", "server.home=" + home_.string()},
                    .folder = folder_.path()};
    if (!config.empty()) command.words.insert(command.words.end(), {"--config", config.string()});
    for (auto& define : defines) {
        command.words.emplace_back("-D");
        command.words.push_back(std::move(define));
    }
    process_ = std::make_unique<Process>(command);
}

bool ServerProcess::wait_ready(std::chrono::milliseconds at_most) {
    return process_->wait_for_line("kernel       ready", at_most).has_value();
}

std::optional<Ending> ServerProcess::stop(std::chrono::milliseconds at_most) {
    process_->signal(SIGTERM);
    return process_->wait(at_most);
}

}  // namespace drover::test
