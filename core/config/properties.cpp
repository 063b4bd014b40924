#include <Poco/Exception.h>
#include <Poco/Util/PropertyFileConfiguration.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "config/settings.hpp"

extern char** environ;

namespace drover::core {
namespace {

/// A configuration file is for people; a larger one is a mistake.
constexpr std::size_t kLargestFile = 1024 * 1024;

std::string trim(std::string_view text) {
    const auto blank = " \t\r\f";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(blank) - first + 1));
}

struct KeyLine {
    std::string key;
    std::size_t line;
};

/// Walks through the text of a file, counting its lines: they end with LF, CR, or both.
class LineReader {
public:
    explicit LineReader(std::string_view text) : text_(text) {}

    bool at_end() const { return at_ == text_.size(); }
    char peek() const { return text_[at_]; }
    std::size_t line() const { return line_; }
    char next() {
        const char c = text_[at_++];
        if (c == '\n' || (c == '\r' && (at_end() || peek() != '\n'))) ++line_;
        return c;
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

bool ends_line(char c) { return c == '\n' || c == '\r'; }

/// The keys in their order, with line numbers: Poco's reader keeps neither, nor does it tell of doubles.
/// Follows its rules to the letter, or a key would be lost in silence: '#' and '!' begin comments, which '\'
/// does not continue; '=' or ':' ends a key; in a value '\' takes what follows, also the end of a line.
std::vector<KeyLine> key_lines(const std::string& text) {
    std::vector<KeyLine> keys;
    LineReader in(text);
    while (!in.at_end()) {
        if (std::string_view(" \t\n\v\f\r").find(in.peek()) != std::string_view::npos) {
            in.next();
            continue;
        }
        if (in.peek() == '#' || in.peek() == '!') {
            while (!in.at_end() && !ends_line(in.next())) {
            }
            continue;
        }
        const auto line = in.line();
        std::string key;
        bool has_value = false;
        while (!in.at_end() && !has_value) {
            const char c = in.next();
            if (ends_line(c)) break;
            if (c == '=' || c == ':') has_value = true;
            else key += c;
        }
        keys.push_back({trim(key), line});
        while (has_value && !in.at_end()) {
            const char c = in.next();
            if (ends_line(c)) break;
            if (c != '\\' || in.at_end()) continue;
            if (in.next() == '\r' && !in.at_end() && in.peek() == '\n') in.next();
        }
    }
    return keys;
}

bool plain_key(std::string_view key) {
    if (key.empty() || key.size() > 255) return false;
    for (const char c : key)
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
              c == '_'))
            return false;
    return true;
}

}  // namespace

Result<std::vector<std::pair<std::string, GivenValue>>> parse_properties(const std::string& text,
                                                                         const std::string& name) {
    if (text.size() > kLargestFile)
        return Error(Errc::invalid, name + ": has " + std::to_string(text.size()) + " bytes; at most " +
                                        std::to_string(kLargestFile) + " are allowed");
    if (text.find('\0') != std::string::npos) return Error(Errc::invalid, name + ": contains a zero byte");
    std::string problems;
    const auto complain = [&](std::size_t line, const std::string& what) {
        problems += (problems.empty() ? "" : "\n") + name + ":" + std::to_string(line) + ": " + what;
    };
    std::vector<std::pair<std::string, GivenValue>> values;
    try {
        std::istringstream in(text);
        const Poco::AutoPtr<Poco::Util::PropertyFileConfiguration> file(new Poco::Util::PropertyFileConfiguration(in));
        std::map<std::string, std::size_t> seen;
        for (const auto& [key, line] : key_lines(text)) {
            if (!plain_key(key)) {
                complain(line, "\"" + key.substr(0, 80) +
                                   "\" is not a key; expected words of letters, digits, '-' "
                                   "and '_' joined by dots, then =");
                continue;
            }
            if (const auto [first, is_new] = seen.emplace(key, line); !is_new) {
                complain(line, key + " is given twice, first in line " + std::to_string(first->second));
                continue;
            }
            if (!file->has(key)) {
                complain(line, key + " has no value; write " + key + "=VALUE");
                continue;
            }
            values.push_back({key, {file->getRawString(key), name + ":" + std::to_string(line)}});
        }
    } catch (const Poco::Exception& failure) {
        return Error(Errc::invalid, name + ": cannot be read: " + failure.displayText());
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return values;
}

Result<std::vector<std::pair<std::string, GivenValue>>> read_properties(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in || std::filesystem::is_directory(path))
        return Error(Errc::not_found, "the configuration file " + path.string() + " cannot be read",
                     "Check the path and its permissions; config/single.properties is one to start with.");
    return parse_properties(text.str(), path.string());
}

std::string fold_key(std::string_view key) {
    std::string folded;
    for (const char c : key) {
        if (c == '.' || c == '-' || c == '_') folded += '_';
        else folded += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return folded;
}

GivenSettings::Sources GivenSettings::from_process(const std::filesystem::path& config_file,
                                                   std::vector<std::string> defines) {
    Sources sources{{}, std::move(defines), config_file};
    for (char** variable = environ; *variable; ++variable) sources.environment.emplace_back(*variable);
    return sources;
}

Result<GivenSettings> GivenSettings::read(const Sources& sources) {
    GivenSettings given;
    std::string problems;
    const auto complain = [&](const std::string& text) { problems += (problems.empty() ? "" : "\n") + text; };

    constexpr std::string_view kPrefix = "DROVER_";
    for (const auto& variable : sources.environment) {
        const auto equals = variable.find('=');
        if (!variable.starts_with(kPrefix) || equals == std::string::npos) continue;
        const auto name = variable.substr(0, equals);
        if (name.starts_with("DROVER_TEST_") || name.starts_with("DROVER_FAULT_")) continue;  // for our tests
        if (std::find(kClientVariables.begin(), kClientVariables.end(), name) != kClientVariables.end()) continue;
        given.environment_[fold_key(std::string_view(name).substr(kPrefix.size()))] = {name,
                                                                                       variable.substr(equals + 1)};
    }
    for (const auto& define : sources.defines) {
        const auto equals = define.find('=');
        const auto key = define.substr(0, equals);
        if (equals == std::string::npos || !plain_key(key)) {
            complain("-D " + define.substr(0, 80) + ": expected -D key=value");
            continue;
        }
        given.named_[key] = {define.substr(equals + 1), "-D"};  // the last -D wins, as on any command line
    }
    const auto add_file = [&](const std::filesystem::path& file, bool is_weak = false) {
        auto values = read_properties(file);
        if (!values) return complain(values.error().describe());
        for (auto& [key, value] : *values) {
            value.is_weak = is_weak;
            given.named_.emplace(std::move(key), std::move(value));
        }
    };
    const auto folder = sources.config_file.parent_path();
    if (!sources.config_file.empty()) {
        const auto local = folder / "drover-local.properties";
        if (std::filesystem::exists(local) && local != sources.config_file) add_file(local);
        add_file(sources.config_file);
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    // A profile may bring a file of its own; what it says is weaker than everything above.
    if (const auto profile = given.find("server.profile"); profile && !sources.config_file.empty()) {
        std::istringstream names(profile->value);
        for (std::string name; std::getline(names, name, ',');) {
            name = trim(name);
            const auto file = folder / "profiles" / (name + ".properties");
            if (plain_key(name) && std::filesystem::exists(file)) add_file(file, /*is_weak=*/true);
        }
    }
    if (!problems.empty()) return Error(Errc::invalid, problems);
    return given;
}

std::optional<GivenValue> GivenSettings::find(std::string_view key) const {
    if (const auto found = environment_.find(fold_key(key)); found != environment_.end())
        return GivenValue{found->second.second, "environment " + found->second.first};
    if (const auto found = named_.find(std::string(key)); found != named_.end()) return found->second;
    return std::nullopt;
}

}  // namespace drover::core
