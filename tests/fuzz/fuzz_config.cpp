// The configuration: files, -D and environment, and what is made of them. Lines that begin with "-D " are
// given on the command line, those with "DROVER_" in the environment, those with "STORED " are held by the store;
// all others stand in the file.
#include <Poco/AutoPtr.h>
#include <Poco/Util/PropertyFileConfiguration.h>

#include <fstream>
#include <set>
#include <sstream>

#include "config/settings.hpp"
#include "fuzz.hpp"

namespace {

using namespace drover;
using namespace drover::core;
using fuzz::expect;

/// Two plugins with options of every type.
const Catalogue& catalogue() {
    using namespace std::chrono_literals;
    static const Catalogue made = [] {
        Catalogue catalogue;
        PluginInfo locks;
        locks.note.id = "drover.redis";
        locks.note.version = "1.0.0";
        locks.provides.push_back({"drover.lock", 0, "lock", {}, nullptr});
        locks.options = {required_text("endpoint", "Server to use."),
                         duration("session-ttl", 4s, "How long a silent server keeps its leases.").live(),
                         integer("database", 0, -3, 15, "Which database."),
                         size("buffer", 4096, "How much is buffered.").between(1, 1 << 20),
                         secret("password", "The password."),
                         choice("mode", "one", {"one", "many"}, "How many there are.")};
        PluginInfo front;
        front.note.id = "drover.http";
        front.note.version = "1.0.0";
        front.provides.push_back({"drover.http", 0, "http", {}, nullptr});
        front.options = {address("listen", "127.0.0.1:8080", "Where it listens.").at_key("api.listen"),
                         boolean("compress", false, "Whether it compresses."), list("origins", "", "Who may ask."),
                         integer("schedule", 60, 0, 3600, "How often.").at_key("task.*.schedule").live()};
        catalogue.plugins = {std::move(front), std::move(locks)};
        return catalogue;
    }();
    return made;
}

/// As a person would write it.
std::string written(const std::string& value) {
    std::string text;
    for (const char c : value) {
        switch (c) {
            case '\\': text += "\\\\"; break;
            case '\n': text += "\\n"; break;
            case '\r': text += "\\r"; break;
            case '\t': text += "\\t"; break;
            case '\f': text += "\\f"; break;
            default: text += c;
        }
    }
    return text;
}

/// All that the library read.
class TheirReader final : public Poco::Util::PropertyFileConfiguration {
public:
    explicit TheirReader(std::istream& in) : PropertyFileConfiguration(in) {}
    std::set<std::string> all_keys() const {
        std::set<std::string> keys;
        for (auto entry = begin(); entry != end(); ++entry) keys.insert(entry->first);
        return keys;
    }
};

void fuzz_file(const std::string& text) {
    const auto values = parse_properties(text, "fuzz");
    if (!values) {
        expect(values.error().code() == Errc::invalid && !values.error().message().empty(), "a refusal says why");
        return;
    }
    // No line is lost, and none is read in another way than the library reads it.
    std::istringstream in(text);
    const Poco::AutoPtr<TheirReader> file(new TheirReader(in));
    std::set<std::string> ours;
    std::string anew;
    for (const auto& [key, value] : *values) {
        ours.insert(key);
        anew += key + " = " + written(value.value) + "\n";
    }
    expect(ours == file->all_keys(), "every key of the file is seen", text);
    const auto again = parse_properties(anew, "fuzz");
    expect(again.has_value() && again->size() == values->size(), "what was read can be written and read again", anew);
    for (std::size_t i = 0; i < values->size(); ++i)
        expect((*again)[i].first == (*values)[i].first && (*again)[i].second.value == (*values)[i].second.value,
               "what was read again is the same", anew);
}

void fuzz_settings(std::string_view input) {
    static const fuzz::Folder folder;
    GivenSettings::Sources sources{{}, {}, folder.path() / "fuzz.properties"};
    std::string text;
    StoredSettings stored;
    const auto store = [&](const std::string& pair) {
        const auto equals = std::min(pair.find('='), pair.size());
        stored.emplace(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
    };
    for (auto rest = input; !rest.empty();) {
        const auto line = fuzz::take_until(rest, '\n');
        if (line.find('\0') == std::string_view::npos && line.starts_with("DROVER_"))
            sources.environment.emplace_back(line);
        else if (line.starts_with("-D ")) sources.defines.emplace_back(line.substr(3));
        else if (line.starts_with("STORED ")) store(std::string(line.substr(7)));
        else text += std::string(line) + "\n";
    }
    std::ofstream(sources.config_file, std::ios::binary) << text;
    auto given = GivenSettings::read(sources);
    if (!given) {
        expect(!given.error().message().empty(), "a refusal says why");
        return;
    }
    const auto settings = Settings::make(std::move(*given), catalogue());
    if (!settings) {
        expect(!settings.error().message().empty(), "a refusal says why");
        return;
    }
    for (const auto& [key, setting] : settings->all()) {
        expect(!setting.source.empty(), "every value says where it came from", key);
        const auto shown = setting.shown();
        if (setting.known.option.type == OptionType::secret && setting.value && setting.value->size() > 8)
            expect(shown.find(*setting.value) == std::string::npos, "a secret is not shown", key);
        (void)settings->text(key);
        (void)settings->list(key);
    }
    (void)settings->duration("server.start-timeout");
    std::vector<IgnoredSetting> ignored;
    const auto with = settings->with_stored(stored, catalogue(), ignored);
    for (const auto& [key, setting] : with.all())
        if (setting.source == "database")
            expect(setting.known.option.is_live && stored.contains(key), "only live keys take a stored value", key);
    for (const auto& [key, setting] : settings->all())
        if (setting.source != "default" && with.all().at(key).source != setting.source)
            expect(false, "what is given is stronger than what is stored", key);
    const auto live = settings->with_live_of(with);
    for (const auto& plugin : catalogue().plugins) (void)live.config_of(plugin.short_name(), plugin);
    for (const auto& instance : settings->instances())
        for (const auto* plugin : catalogue().named(instance.use)) (void)settings->config_of(instance.name, *plugin);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto input = fuzz::text_of(data, size);
    fuzz_file(std::string(input));
    fuzz_settings(input);
    return 0;
}
