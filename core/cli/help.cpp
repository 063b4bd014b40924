#include "cli/help.hpp"

#include <algorithm>
#include <vector>

namespace drover::cli {
namespace {

constexpr const char* kEnd =
    "Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 ended in an error,\n"
    "4 out of time.   Keys: DROVER_ACCESS_KEY, DROVER_SECRET_KEY, or the file\n"
    "~/.config/drover/credentials (mode 600) with access-key=... and secret-key=...\n";

std::string commands_of(const CLI::App& app, const std::string& group) {
    std::string text;
    for (const auto* command : app.get_subcommands([&](const CLI::App* one) { return one->get_group() == group; })) {
        auto name = command->get_name();
        name.resize(std::max<std::size_t>(name.size() + 1, 12), ' ');
        text += "  " + name + command->get_description() + "\n";
    }
    return text;
}

}  // namespace

std::string Help::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    if (app->get_parent()) return Formatter::make_help(app, std::move(name), mode);
    return app->get_description() + "\n" + "Usage: drover COMMAND ...; drover COMMAND --help tells more\n" +
           "Resources, through the API at --url or DROVER_URL (http://127.0.0.1:8080/v1):\n" +
           commands_of(*app, "Resources") + "Servers:\n" + commands_of(*app, "Servers") + kEnd;
}

}  // namespace drover::cli
