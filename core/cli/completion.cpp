#include "cli/completion.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <map>

#include "cli/text.hpp"

namespace drover::cli {
namespace {

/// The command that the words name, and what was given to it.
struct Position {
    const CLI::App* command;
    std::vector<std::string> path;         ///< names of the commands: process, retry
    std::vector<std::string> positionals;  ///< before the last word
    const CLI::Option* open = nullptr;     ///< an option whose value the last word is
};

/// Subcommands that people are told of.
std::vector<const CLI::App*> shown_commands(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); });
}

bool takes_value(const CLI::Option* option) {
    return option->get_items_expected_max() > 0 && option->get_name(false, true) != "--wait";
}

Position position_of(const CLI::App& program, const std::vector<std::string>& words) {
    Position at{&program, {}, {}, nullptr};
    bool only_positionals = false;
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
        const auto& word = words[i];
        if (!only_positionals && word == "--") {
            only_positionals = true;
        } else if (!only_positionals && word.size() > 1 && word.front() == '-') {
            if (word.find('=') != std::string::npos) continue;
            const auto* option = at.command->get_option_no_throw(word);
            if (!option || !takes_value(option)) continue;
            if (i + 2 == words.size()) at.open = option;
            ++i;
        } else {
            const CLI::App* next = nullptr;
            for (const auto* one : shown_commands(*at.command))
                if (one->get_name() == word) next = one;
            if (next && at.positionals.empty()) {
                at.command = next;
                at.path.push_back(word);
            } else {
                at.positionals.push_back(word);
            }
        }
    }
    return at;
}

class Finder {
public:
    Finder(const CLI::App& program, const std::vector<std::string>& words,
           const std::function<const Schemas*()>& schemas)
        : at_(position_of(program, words)), word_(words.empty() ? "" : words.back()), schemas_(schemas) {}

    Completion find() {
        if (at_.open) {
            value_of_option(at_.open, "", word_);
        } else if (word_.starts_with('-')) {
            const auto equals = word_.find('=');
            const auto* option =
                equals == std::string::npos ? nullptr : at_.command->get_option_no_throw(word_.substr(0, equals));
            if (option) value_of_option(option, word_.substr(0, equals + 1), word_.substr(equals + 1));
            else if (equals == std::string::npos) options();
        } else {
            for (const auto* one : shown_commands(*at_.command))
                if (at_.positionals.empty()) offer(one->get_name(), one->get_description());
            if (!at_.path.empty()) positional();
        }
        return std::move(found_);
    }

private:
    /// Offers `word` when it goes on from what stands there.
    void offer(const std::string& word, const std::string& about = {}) {
        if (lower(word).starts_with(lower(word_))) found_.candidates.push_back({word, about});
    }
    void options() {
        for (const auto* option : at_.command->get_options()) {
            if (option->get_group().empty()) continue;
            for (const auto& name : option->get_lnames()) offer("--" + name, option->get_description());
            for (const auto& name : option->get_snames()) offer("-" + name, option->get_description());
        }
    }
    const Schema* schema_of(const std::string& name) {
        const auto* all = schemas_();
        if (!all) return nullptr;
        const auto schema = all->find(name);
        return schema ? *schema : nullptr;
    }
    const Schema* schema() { return at_.positionals.empty() ? nullptr : schema_of(at_.positionals.front()); }

    /// Several may be given, joined by commas: the last is the one to complete.
    void value_of_option(const CLI::Option* option, const std::string& prefix, const std::string& value) {
        const auto name = option->get_name(false, true);
        const auto is = [&](std::string_view one) { return name.find(one) != std::string::npos; };
        if (is("--config") || is("--file")) {
            found_.files = true;
            return;
        }
        std::vector<std::string> values;
        if (is("--output") && at_.path.front() != "config" && at_.path.front() != "plugin")
            values = {"table", "json", "yaml"};
        else if (is("--provides")) values = {"lock", "events", "store", "membership", "http"};
        else if (is("--columns") || is("--sort"))
            values = schema() ? schema()->field_names() : std::vector<std::string>();
        else if (is("--include")) values = schema() ? schema()->links() : std::vector<std::string>();
        else if (is("--for")) values = {"state="};
        else if (is("--output")) found_.files = true;
        const auto comma = is("--columns") || is("--include") ? value.rfind(',') : std::string::npos;
        const auto before = comma == std::string::npos ? prefix : prefix + value.substr(0, comma + 1);
        for (const auto& one : values) offer(before + one);
    }

    void types() {
        const auto* all = schemas_();
        if (!all) return;
        const auto& command = at_.path.front();
        for (const auto& one : all->all()) {
            if (command == "get" && one.can_list()) offer(one.plural());
            if (command == "create" ? one.can_create() : command != "get" || !word_.empty()) offer(one.id());
        }
    }
    void assignment(const Schema& of, bool create) {
        const auto equals = word_.find('=');
        if (equals == std::string::npos) {
            for (const auto& field : of.fields())
                if (create ? field.create : field.update) offer(field.name + "=", field.type);
            return;
        }
        const auto* field = of.field(word_.substr(0, equals));
        if (!field) return;
        if (field->type == "boolean") offer(field->name + "=true"), offer(field->name + "=false");
        for (const auto& option : field->options) offer(field->name + "=" + option);
    }
    void positional() {
        const auto& command = at_.path.front();
        const auto given = at_.positionals.size();
        if (command == "completion") {
            if (given == 0) offer("bash"), offer("zsh");
        } else if (command == "get") {
            if (given == 0) return types();
            if (const auto* type = schema())
                for (const auto& [name, modifiers] : type->filters()) offer(name + "=");
        } else if (command == "create") {
            if (given == 0) return types();
            if (const auto* type = schema()) assignment(*type, true);
        } else if (command == "update") {
            if (given == 0) return types();
            if (const auto* type = given > 1 ? schema() : nullptr) assignment(*type, false);
        } else if (command == "delete" || command == "wait") {
            if (given == 0) types();
        } else if (command == "action") {
            if (given == 0) return types();
            const auto* type = schema();
            if (!type) return;
            if (given == 2)
                for (const auto& [name, input] : type->actions()) offer(name);
            if (given > 2)
                if (const auto action = type->actions().find(at_.positionals[2]); action != type->actions().end())
                    if (const auto* input = action->second.empty() ? nullptr : schema_of(action->second))
                        assignment(*input, true);
        } else if (command == "explain") {
            if (given == 0) offer("process/", "a process by its id");
        } else if (command == "plugin" && at_.path.size() > 1 && at_.path[1] == "test") {
            found_.files = true;
        }
    }

    Position at_;
    std::string word_;
    const std::function<const Schemas*()>& schemas_;
    Completion found_;
};

/// A candidate after which the word goes on gets no blank: field=, process/.
constexpr const char* kBash =
    R"script(# Completion of drover for bash. For this shell:  source <(drover completion bash)
# For every shell:  drover completion bash > ~/.local/share/bash-completion/completions/drover
_drover() {
    local words=() i part line rest
    # Bash parts words at = and :, which belong to ours; put together again what no blank parts.
    line=${COMP_LINE:0:COMP_POINT}
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        part=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || part=$rest
        if ((i > 0)) && [[ $rest == "$line" ]]; then
            words[${#words[@]} - 1]+=$part
        else
            words+=("$part")
        fi
        line=${rest#"$part"}
    done
    local current=${words[${#words[@]} - 1]} found=() word about files=
    while IFS=$'\t' read -r word about; do
        if [[ $word == :files ]]; then files=yes; else found+=("$word"); fi
    done < <("${COMP_WORDS[0]}" __complete -- "${words[@]:1}" 2>/dev/null)
    if [[ -n $files ]]; then
        compopt -o filenames
        mapfile -t found < <(compgen -f -- "${current##*=}")
    fi
    # What stands before the last part is on the line already.
    local before=${current%"$2"}
    COMPREPLY=("${found[@]#"$before"}")
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=/] && -z $files ]]; then compopt -o nospace; fi
}
complete -F _drover drover
)script";

constexpr const char* kZsh = R"script(#compdef drover
# Completion of drover for zsh. For this shell:  source <(drover completion zsh)
# For every shell: write it to a file _drover in a folder of $fpath.
_drover() {
    local -a whole begun
    local line word about
    for line in "${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        [[ -n $line ]] || continue
        word=${line%%$'\t'*}
        about=${line#*$'\t'}
        if [[ $word == :files ]]; then
            [[ ${words[CURRENT]} != -*=* ]] || compset -P '*='
            _files
            continue
        fi
        line=${word//:/\\:}
        [[ -z $about ]] || line+=:$about
        if [[ $word == *[=/] ]]; then begun+=("$line"); else whole+=("$line"); fi
    done
    (( ${#whole} )) && _describe drover whole
    (( ${#begun} )) && _describe drover begun -S ''
}
if [[ ${funcstack[1]} == _drover ]]; then _drover "$@"; else compdef _drover drover; fi
)script";

}  // namespace

Completion complete(const CLI::App& program, const std::vector<std::string>& words,
                    const std::function<const Schemas*()>& schemas) {
    return Finder(program, words, schemas).find();
}

std::string completion_script(const std::string& shell) {
    if (shell == "bash") return kBash;
    if (shell == "zsh") return kZsh;
    return {};
}

void add_completion_commands(CLI::App& app, int& status) {
    auto shell = std::make_shared<std::string>();
    auto* completion = app.add_subcommand("completion", "Print the completion of a shell, bash or zsh");
    completion->group("Resources");
    completion->add_option("shell", *shell, "bash or zsh")->required()->check(CLI::IsMember({"bash", "zsh"}));
    completion->callback([shell, &status] {
        std::cout << completion_script(*shell);
        status = 0;
    });
    completion->footer("For this shell: source <(drover completion bash)");
}

int run_complete(const CLI::App& program, const std::vector<std::string>& words) {
    std::optional<Schemas> kept;
    bool asked = false;
    const auto schemas = [&]() -> const Schemas* {
        if (!asked) kept = schemas_for_completion();
        asked = true;
        return kept ? &*kept : nullptr;
    };
    const auto found = complete(program, words, schemas);
    for (const auto& one : found.candidates) std::cout << printable(one.word) << '\t' << printable(one.about) << '\n';
    if (found.files) std::cout << ":files\t\n";
    return 0;
}

}  // namespace drover::cli
