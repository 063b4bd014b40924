#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstring>
#include <iostream>

#include "cli/client_commands.hpp"
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/help.hpp"
#include "drover/options.hpp"
#include "kernel/version.hpp"

namespace {

using drover::core::CommonOptions;

void add_common(CLI::App& command, CommonOptions& options) {
    command.add_option("-c,--config", options.config, "Configuration file")->type_name("FILE");
    command.add_option("-D", options.defines, "One key, stronger than the file")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}
void add_json(CLI::App& command, CommonOptions& options) { command.add_flag("--json", options.json, "Answer in JSON"); }

/// CLI11 would only say that a subcommand is required. Says which word is wrong and the nearest right one;
/// false when nothing is wrong with the subcommands.
bool complain_of_subcommand(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* level = &app;
    for (const auto& word : words) {
        if (word.starts_with('-') || level->get_subcommands([](const CLI::App*) { return true; }).empty()) return false;
        std::vector<std::string> known;
        const CLI::App* next = nullptr;
        for (const auto* one : level->get_subcommands([](const CLI::App*) { return true; })) {
            known.push_back(one->get_name());
            if (one->get_name() == word) next = one;
        }
        if (next) {
            level = next;
            continue;
        }
        const auto near = drover::nearest(word, known);
        std::cerr << "drover: " << word << " is not a command" << (level == &app ? "" : " of " + level->get_name())
                  << "." << (near.empty() ? "" : " Did you mean " + near + "?") << " Known are:";
        for (const auto& name : known) std::cerr << " " << name;
        std::cerr << "\n";
        return true;
    }
    return false;
}

/// What ps shows of this program goes without the secret, from here on.
void hide_secret_key(int argc, char** argv) {
    constexpr std::string_view kOption = "--secret-key";
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        char* secret = nullptr;
        if (word == kOption && i + 1 < argc) secret = argv[i + 1];
        else if (word.starts_with(kOption) && word.substr(kOption.size()).starts_with('='))
            secret = argv[i] + kOption.size() + 1;
        if (secret) std::fill_n(secret, std::strlen(secret), '*');
    }
}

}  // namespace

int main(int argc, char** argv) {
    using namespace drover::core;
    CLI::App app("Drover: a control plane for fleets of hypervisors, composed from plugins", "drover");
    app.set_version_flag("--version", std::string("drover ") + kVersion);
    app.require_subcommand(1);
    app.formatter(std::make_shared<drover::cli::Help>());
    CommonOptions options;
    int status = 0;
    drover::cli::add_client_commands(app, status);

    const auto add_server_command = [&](const std::string& name, const std::string& about) {
        auto* command = app.add_subcommand(name, about);
        command->group("Servers");
        return command;
    };
    auto* server = add_server_command("server", "Run a server until SIGTERM or SIGINT");
    add_common(*server, options);
    server->callback([&] { status = run_server(options); });

    auto* check = add_server_command("check", "Say whether a configuration is good, without starting anything");
    add_common(*check, options);
    add_json(*check, options);
    check->callback([&] { status = run_check(options); });

    auto* plan = add_server_command("plan", "Show what would start, in which order, bound to what");
    add_common(*plan, options);
    add_json(*plan, options);
    plan->add_flag("--dot", options.dot, "Answer as a Graphviz picture");
    plan->callback([&] { status = run_plan(options); });

    for (const auto& [name, about] : {std::pair{"status", "Show the plugins of the running server"},
                                      std::pair{"reload", "Have the running server read its configuration again"},
                                      std::pair{"drain", "Have the running server finish its work and leave"}}) {
        auto* control = add_server_command(name, about);
        add_common(*control, options);
        add_json(*control, options);
        control->callback([&status, &options, command = std::string(name)] { status = run_control(options, command); });
    }

    auto* config = add_server_command("config", "Show values and where they come from; write the reference");
    config->require_subcommand(1);
    std::string key;
    auto* show = config->add_subcommand("show", "Value and source of each key");
    add_common(*show, options);
    add_json(*show, options);
    show->add_option("key", key, "Only keys that begin with this");
    show->callback([&] { status = run_config_show(options, key); });
    std::filesystem::path folder = "config/reference";
    bool only_compare = false;
    auto* reference = config->add_subcommand("reference", "Write a page on every option of every plugin found");
    add_common(*reference, options);
    reference->add_option("--output", folder, "Folder to write to")->capture_default_str();
    reference->add_flag("--check", only_compare, "Write nothing; fail when the folder is out of date");
    reference->callback([&] { status = run_config_reference(options, folder, only_compare); });

    auto* plugin = add_server_command("plugin", "List, inspect, begin and test plugins");
    plugin->require_subcommand(1);
    auto* list = plugin->add_subcommand("list", "Plugins that were found, and files that were refused");
    add_common(*list, options);
    add_json(*list, options);
    list->callback([&] { status = run_plugin_list(options); });
    std::string id;
    auto* inspect = plugin->add_subcommand("inspect", "What a plugin provides, needs and takes as options");
    add_common(*inspect, options);
    add_json(*inspect, options);
    inspect->add_option("plugin", id, "Id, or a file")->required();
    inspect->callback([&] { status = run_plugin_inspect(options, id); });
    std::string provides;
    std::filesystem::path new_folder;
    auto* make = plugin->add_subcommand("new", "Begin a plugin of your own, with its kit of tests");
    make->add_option("id", id, "Such as com.example.locks")->required();
    make->add_option("--provides", provides, "lock, events, store, membership or http")->required();
    make->add_option("--output", new_folder, "Folder to make; the last word of the id by default");
    make->callback([&] { status = run_plugin_new(id, provides, new_folder); });
    std::filesystem::path file;
    std::vector<std::string> arguments;
    auto* test = plugin->add_subcommand("test", "Run the conformance kits of what a plugin provides");
    test->add_option("file", file, "The plugin library")->required();
    test->add_option("arguments", arguments, "option=value for the plugin; --gtest_filter=... for the runner");
    test->allow_extras();
    test->callback([&] {
        auto all = arguments;
        for (const auto& extra : test->remaining()) all.push_back(extra);
        status = run_plugin_test(file, all);
    });

    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() > 1 && words.front() == drover::cli::kCompleteCommand)
        return drover::cli::run_complete(app, {words.begin() + 2, words.end()});
    if (complain_of_subcommand(app, words)) return 2;
    hide_secret_key(argc, argv);
    try {
        words = drover::cli::with_explicit_wait(std::move(words));
        std::reverse(words.begin(), words.end());  // as CLI11 wants them
        app.parse(std::move(words));
    } catch (const CLI::ParseError& failure) {
        const auto code = app.exit(failure);
        return code == 0 ? 0 : 2;
    } catch (const std::exception& failure) {
        std::cerr << "drover: " << failure.what() << "\n";
        return 1;
    }
    std::cout.flush();
    if (!std::cout && status == 0) {
        std::cerr << "drover: standard output could not be written\n";
        return 1;
    }
    return status;
}
