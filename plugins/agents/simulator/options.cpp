#include "options.hpp"

#include <boost/json/serialize.hpp>

#include <charconv>

namespace drover::simulator {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kLongest = 10min;

Result<double> rate_of(std::string_view name, std::string_view text) {
    double rate = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), rate);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size() && rate >= 0 && rate <= 1) return rate;
    return Error(Errc::invalid,
                 std::string(name) + " is \"" + std::string(text.substr(0, 40)) + "\"; expected a number from 0 to 1");
}

Result<std::chrono::milliseconds> duration_of(std::string_view name, std::string_view text) {
    const auto option = duration(std::string(name), 0ms, "A time.").between(0, kLongest.count());
    auto value = parse_option(option, text);
    if (!value) return value.error().in(name);
    return std::get<std::chrono::milliseconds>(*value);
}

Result<std::int64_t> count_of(std::string_view name, std::string_view text, std::int64_t most) {
    std::int64_t count = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), count);
    if (read.ec == std::errc() && read.ptr == text.data() + text.size() && count >= 0 && count <= most) return count;
    return Error(Errc::invalid, std::string(name) + " is \"" + std::string(text.substr(0, 40)) +
                                    "\"; expected a number from 0 to " + std::to_string(most));
}

template <class T>
Result<void> take(Result<T> read, T& into) {
    if (!read) return read.error();
    into = *read;
    return ok;
}

/// One setting by its name; names that are not ours are left alone, for `data` and URIs hold other things too.
Result<void> set(Behaviour& behaviour, std::string_view name, std::string_view text) {
    if (name == "latency") return take(duration_of(name, text), behaviour.latency);
    if (name == "jitter") return take(duration_of(name, text), behaviour.jitter);
    if (name == "failure-rate") return take(rate_of(name, text), behaviour.failure_rate);
    if (name == "busy-rate") return take(rate_of(name, text), behaviour.busy_rate);
    if (name == "hosts") return take(count_of(name, text, kMostHosts), behaviour.hosts);
    if (name == "storagePoolsPerHost" || name == "pools-per-host")
        return take(count_of(name, text, kMostPools), behaviour.pools_per_host);
    return ok;
}

std::string text_of(const json::value& value) {
    if (value.is_string()) return std::string(value.get_string());
    return json::serialize(value);
}

}  // namespace

std::vector<Option> behaviour_options() {
    return {
        duration("latency", 0ms, "How long every answer takes.").between(0, kLongest.count()),
        duration("jitter", 0ms, "How much longer at most, at random.").between(0, kLongest.count()),
        text("failure-rate", "0", "Which share of commands fails, from 0 to 1."),
        text("busy-rate", "0", "For which share of commands an agent has no time, from 0 to 1."),
    };
}

Result<Behaviour> behaviour_of(const Config& config) {
    Behaviour behaviour;
    behaviour.latency = config.duration("latency");
    behaviour.jitter = config.duration("jitter");
    for (const auto* name : {"failure-rate", "busy-rate"})
        if (auto good = set(behaviour, name, config.text(name)); !good) return good.error();
    return behaviour;
}

Result<Behaviour> behaviour_of(Behaviour base, std::string_view uri, const json::object& data) {
    const auto question = uri.find('?');
    auto query = question == std::string_view::npos ? std::string_view() : uri.substr(question + 1);
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        const auto pair = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        if (auto good = set(base, pair.substr(0, equals), pair.substr(equals + 1)); !good)
            return good.error().in("agent " + std::string(uri));
    }
    const auto* of_data = data.if_contains(kDataKey);
    if (!of_data || !of_data->is_object()) return base;
    for (const auto& [name, value] : of_data->get_object()) {
        if (value.is_null()) continue;
        if (auto good = set(base, name, text_of(value)); !good)
            return good.error().in("the data of agent " + std::string(uri));
    }
    return base;
}

}  // namespace drover::simulator
