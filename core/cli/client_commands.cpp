#include "cli/client_commands.hpp"

#include <CLI/CLI.hpp>

#include <cstring>

#include "cli/completion.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr const char* kGroup = "Resources";
/// What a bare --wait means.
constexpr const char* kWaitInFull = "--wait=5m";

void add_connection(CLI::App& command, ClientOptions& options) {
    command.add_option("--url", options.connection.url, "The API; or DROVER_URL")->type_name("URL");
    command.add_option("--access-key", options.connection.access_key, "Who asks; or DROVER_ACCESS_KEY")
        ->type_name("KEY");
    command
        .add_option("--secret-key", options.connection.secret_key,
                    "Others on this machine may see it here: rather use DROVER_SECRET_KEY or the credentials file")
        ->type_name("KEY");
}

void add_format(CLI::App& command, ClientOptions& options) {
    command
        .add_option_function<std::string>(
            "-o,--output",
            [&options](const std::string& name) {
                for (const auto& [known, format] :
                     {std::pair{"table", Format::table}, {"json", Format::json}, {"yaml", Format::yaml}}) {
                    if (name != known) continue;
                    options.format = format;
                    return;
                }
                throw CLI::ValidationError("--output", name + " is none of table, json, yaml");
            },
            "table, json or yaml")
        ->type_name("FORMAT");
}

void add_columns(CLI::App& command, std::vector<std::string>& columns) {
    command.add_option("--columns", columns, "Fields to show, joined by commas; data.fields.x is one, too")
        ->type_name("FIELDS")
        ->delimiter(',')
        ->allow_extra_args(false);
}

void add_wait(CLI::App& command, std::string& wait) {
    command.add_option("--wait", wait, "Wait until it is done, as long as said (5m): --wait or --wait=30s")
        ->type_name("[TIME]");
}

void add_type(CLI::App& command, std::string& type) {
    command.add_option("type", type, "Singular or plural: host, hosts")->required();
}

/// Options live as long as the program's tree of commands, whose callbacks own them.
template <class Options>
std::shared_ptr<Options> options_of(CLI::App& command) {
    auto options = std::make_shared<Options>();
    command.group(kGroup);
    add_connection(command, options->client);
    add_format(command, options->client);
    return options;
}

/// host/1h5 stands for host 1h5.
void split_reference(std::string& type, std::vector<std::string>& words) {
    const auto slash = type.find('/');
    if (slash == std::string::npos) return;
    words.insert(words.begin(), type.substr(slash + 1));
    type.resize(slash);
}

void add_get(CLI::App& app, int& status) {
    auto* command = app.add_subcommand("get", "List resources, or show those with these ids");
    const auto options = options_of<GetCommand>(*command);
    add_type(*command, options->type);
    command->add_option("words", options->words, "Ids, or filters: state=running name_prefix=web removed_null");
    add_columns(*command, options->columns);
    command->add_option("--include", options->include, "Links to show with each, joined by commas")
        ->type_name("LINKS")
        ->delimiter(',')
        ->allow_extra_args(false);
    command->add_option("--sort", options->sort, "Field to sort by")->type_name("FIELD");
    command->add_flag("--desc", options->descending, "Largest first");
    auto* limit = command->add_option("--limit", options->limit, "At most so many")->check(CLI::PositiveNumber);
    command->add_flag("--all", options->all, "Every one, however many pages")->excludes(limit);
    command->footer("Modifiers of filters: field_ne, _lt, _lte, _gt, _gte, _like, _notlike, _prefix, _null, _notnull");
    command->callback([options, &status] {
        split_reference(options->type, options->words);
        status = run_get(*options);
    });
}

void add_writes(CLI::App& app, int& status) {
    constexpr const char* kWords = "field=value; list=a,b; map.key=value; field:=JSON";
    auto* create = app.add_subcommand("create", "Make a resource");
    const auto made = options_of<WriteCommand>(*create);
    add_type(*create, made->type);
    create->add_option("words", made->words, kWords);
    create->add_option("-f,--file", made->file, "JSON to begin with; - is standard input")->type_name("FILE");
    add_columns(*create, made->columns);
    add_wait(*create, made->wait);
    create->footer("Example: drover create container name=c1 imageUuid=sim:foo environment.MODE=test --wait");
    create->callback([made, &status] { status = run_create(*made); });

    auto* update = app.add_subcommand("update", "Change fields of a resource");
    const auto changed = options_of<WriteCommand>(*update);
    add_type(*update, changed->type);
    update->add_option("id", changed->id, "Its id")->required();
    update->add_option("words", changed->words, kWords);
    update->add_option("-f,--file", changed->file, "JSON to begin with; - is standard input")->type_name("FILE");
    add_columns(*update, changed->columns);
    add_wait(*update, changed->wait);
    update->callback([changed, &status] { status = run_update(*changed); });

    auto* remove = app.add_subcommand("delete", "Remove resources");
    const auto removed = options_of<WriteCommand>(*remove);
    add_type(*remove, removed->type);
    remove->add_option("ids", removed->ids, "Their ids");
    add_columns(*remove, removed->columns);
    add_wait(*remove, removed->wait);
    remove->callback([removed, &status] {
        split_reference(removed->type, removed->ids);
        if (removed->ids.empty()) throw CLI::RequiredError("ids");
        status = run_delete(*removed);
    });

    auto* action = app.add_subcommand("action", "Have something done to a resource, such as start or stop");
    const auto acted = options_of<WriteCommand>(*action);
    add_type(*action, acted->type);
    action->add_option("id", acted->id, "Its id")->required();
    action->add_option("action", acted->action, "What to do")->required();
    action->add_option("words", acted->words, kWords);
    action->add_option("-f,--file", acted->file, "JSON to begin with; - is standard input")->type_name("FILE");
    add_columns(*action, acted->columns);
    add_wait(*action, acted->wait);
    action->footer("Example: drover action container 1i5 stop remove=true --wait");
    action->callback([acted, &status] { status = run_action(*acted); });
}

void add_wait_command(CLI::App& app, int& status) {
    auto* command = app.add_subcommand("wait", "Wait until nothing moves a resource, or it is as wanted");
    const auto options = options_of<WaitCommand>(*command);
    add_type(*command, options->type);
    command->add_option("id", options->id, "Its id");
    command->add_option("--for", options->conditions, "What to wait for, such as state=running")
        ->type_name("FIELD=VALUE")
        ->allow_extra_args(false);
    command->add_option("--timeout", options->timeout, "How long (5m)")->type_name("TIME");
    command->footer("Exit status 3: it ended in an error. 4: out of time.");
    command->callback([options, &status] {
        std::vector<std::string> ids;
        split_reference(options->type, ids);
        if (ids.empty() == options->id.empty()) throw CLI::RequiredError("one id");
        if (!ids.empty()) options->id = ids.front();
        status = run_wait(*options);
    });
}

void add_processes(CLI::App& app, int& status) {
    auto* process = app.add_subcommand("process", "List, show, retry or cancel changes that are under way");
    process->group(kGroup);
    process->require_subcommand(1);
    const auto filters = [](CLI::App& command, ProcessCommand& options) {
        command.add_option("--resource", options.resource, "Of this resource only, such as instance/1i5")
            ->type_name("TYPE/ID");
        command.add_option("--name", options.name, "Of this kind only, such as instance.start")->type_name("NAME");
    };
    auto* list = process->add_subcommand("list", "The newest, or with --pending the oldest first");
    const auto listed = options_of<ProcessCommand>(*list);
    list->group("Subcommands");
    filters(*list, *listed);
    list->add_flag("--pending", listed->pending, "Only those that have not ended");
    list->add_option("--limit", listed->limit, "At most so many (100)")->check(CLI::PositiveNumber);
    list->add_flag_callback(
        "--all", [listed] { listed->limit = 0; }, "Every one, however many pages");
    list->callback([listed, &status] { status = run_process_list(*listed); });

    auto* show = process->add_subcommand("show", "History: each execution and handler, what it changed, how it ended");
    const auto shown = options_of<ProcessCommand>(*show);
    show->group("Subcommands");
    show->add_option("ids", shown->ids, "Ids")->required();
    show->callback([shown, &status] { status = run_process_show(*shown); });

    for (const auto& [name, about] : {std::pair{"retry", "Have it tried again, now"},
                                      std::pair{"cancel", "Give it up; the resource stays as it is"}}) {
        auto* command = process->add_subcommand(name, about);
        const auto options = options_of<ProcessCommand>(*command);
        command->group("Subcommands");
        command->add_option("ids", options->ids, "Ids");
        command->add_flag("--all-parked", options->all_parked, "All that failed too often and wait for an operator");
        filters(*command, *options);
        command->callback(
            [options, &status, action = std::string(name)] { status = run_process_action(*options, action); });
    }
}

void add_explain(CLI::App& app, int& status) {
    auto* command = app.add_subcommand("explain", "Say what a process waits for, or what moves a resource");
    const auto options = options_of<ExplainCommand>(*command);
    command->add_option("what", options->what, "process/1pi7, or any resource: instance/1i5")->required();
    command->callback([options, &status] { status = run_explain(*options); });
}

}  // namespace

void add_client_commands(CLI::App& app, int& status) {
    add_get(app, status);
    add_writes(app, status);
    add_wait_command(app, status);
    add_processes(app, status);
    add_explain(app, status);
    add_completion_commands(app, status);
}

std::vector<std::string> with_explicit_wait(std::vector<std::string> arguments) {
    for (auto& argument : arguments) {
        if (argument == "--") break;
        if (argument == "--wait") argument = kWaitInFull;
    }
    return arguments;
}

}  // namespace drover::cli
