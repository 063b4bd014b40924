#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace drover::cloud {
namespace {

constexpr std::int64_t kDay = 86'400;

/// "activate.by.default.host" is "activate-by-default-host".
std::string option_name(std::string_view key) {
    std::string name;
    for (const char c : key) {
        if (c >= 'A' && c <= 'Z') {
            name += '-';
            name += static_cast<char>(c - 'A' + 'a');
        } else {
            name += c == '.' || c == '_' ? '-' : c;
        }
    }
    return name;
}

Option flag(const std::string& key, bool fallback, std::string summary) {
    return boolean(option_name(key), fallback, std::move(summary)).at_key(key).live();
}
Option number(const std::string& key, std::int64_t fallback, std::int64_t least, std::int64_t most,
              std::string summary) {
    return integer(option_name(key), fallback, least, most, std::move(summary)).at_key(key).live();
}
Option words(const std::string& key, std::string fallback, std::string summary) {
    return text(option_name(key), std::move(fallback), std::move(summary)).at_key(key).live();
}

void add_activation(std::vector<Option>& all) {
    const std::map<std::string, bool> types{{"account", true},
                                            {"agent", true},
                                            {"agentGroup", false},
                                            {"credential", true},
                                            {"host", true},
                                            {"image", true},
                                            {"imageStoragePoolMap", false},
                                            {"instanceHostMap", false},
                                            {"storagePool", true},
                                            {"storagePoolHostMap", true},
                                            {"volume", false},
                                            {"volumeStoragePoolMap", false}};
    for (const auto& [type, on] : types)
        all.push_back(flag("activate.by.default." + type, on, "Whether a new " + type + " becomes active by itself."));
}

void add_payloads(std::vector<Option>& all) {
    const std::map<std::string, std::string> expressions{
        {"imageStoragePoolMap", "storagePool|image"},
        {"volume", "offering|instance|storagePools|image"},
        {"instance", "volumes[${event.data.volume}]|offering|image"},
        {"instanceHostMap", "instance[${event.data.instance}]|host"},
        {"volumeStoragePoolMap", "volume[${event.data.volume}]|storagePool"}};
    for (const auto& [type, expression] : expressions)
        all.push_back(words("event.data." + type, expression,
                            "What stands in the " + type +
                                " of an agent's command: names of its links, with '|' "
                                "between and what is theirs in brackets."));
}

}  // namespace

std::vector<Option> options() {
    std::vector<Option> all{
        number("object.remove.time.delay.seconds", 60, 0, 365 * kDay,
               "How long what was removed can be restored before it is purged."),
        integer("object-type-remove-time-delay-seconds", 60, 0, 365 * kDay,
                "The same for one type, in place of the '*': object.instance.remove.time.delay.seconds.")
            .at_key("object.*.remove.time.delay.seconds")
            .live(),
        flag("process.account.create.create.credential", true, "Whether a new account is given a key."),
        words("process.account.create.create.credential.default.kind", "apiKey", "The kind of that key."),
        words("process.credential.create.bad.characters", "[O0lI+/=]",
              "Characters that generated secrets do not have, because people mistake them."),
        flag("process.agent.create.create.account", true, "Whether a new agent without an account is given one."),
        number("agent.activate.ping.retries", 30, 1, 1'000, "How often an agent is asked before its activation waits."),
        number("agent.activate.ping.timeout", 1'000, 10, 600'000, "How long one such question waits, in milliseconds."),
        number("agent.reconnect.disconnect.every.seconds", 120, 1, kDay,
               "How often at most the connection to an agent that is being reconnected is closed."),
        flag("agent.filter.assign.uri", true, "Whether an agent that is posted without a URI is given one."),
        flag("agent.filter.default.uri.reverse.dns", true, "Whether that URI names the client instead of its address."),
        words("agent.filter.default.uri", "ssh://%s@%s:22", "That URI: first the user, then the client."),
        words("agent.filter.default.user", "root", "The user of that URI where the request names none."),
        flag("api.instance.require.image", true, "Whether a machine needs an image."),
        number("instance.compute.default", 1, 0, 1'000'000'000,
               "What a machine that does not say takes of a host's computeFree."),
        number("instance.compute.tries", 3, 1, 1'000, "How often an agent may refuse to start a machine."),
        flag("api.show.transitioning.internal.message", true,
             "Whether users see what an agent said about a failure for operators."),
        flag("simple.allocator.spread", true,
             "Whether machines go to the host with most free, instead of the fullest."),
        words("allocator.kinds", "sim,docker,libvirt",
              "Kinds whose images run on hosts of that kind only. Images tied to none of them run on all other hosts."),
        flag("docker.auto.create.external.pool", true,
             "Whether the first docker storage pool makes the external one, so that docker images can be named."),
    };
    add_activation(all);
    add_payloads(all);
    return all;
}

bool is_on(std::string_view text, bool otherwise) {
    std::string word(text);
    std::transform(word.begin(), word.end(), word.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (word == "true" || word == "yes" || word == "on" || word == "1") return true;
    if (word == "false" || word == "no" || word == "off" || word == "0") return false;
    return otherwise;
}

std::int64_t to_number(std::string_view text, std::int64_t otherwise) {
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc() && read.ptr == text.data() + text.size() ? value : otherwise;
}

std::vector<std::string> to_words(std::string_view text) {
    std::vector<std::string> all;
    while (!text.empty()) {
        const auto comma = std::min(text.find(','), text.size());
        auto word = text.substr(0, comma);
        while (!word.empty() && word.front() == ' ') word.remove_prefix(1);
        while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
        if (!word.empty()) all.emplace_back(word);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return all;
}

}  // namespace drover::cloud
