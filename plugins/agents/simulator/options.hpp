#pragma once

#include <boost/json/object.hpp>

#include <chrono>
#include <string>
#include <string_view>

#include "drover/options.hpp"

namespace drover::simulator {

/// How a simulated agent behaves.
struct Behaviour {
    std::chrono::milliseconds latency{0};  ///< of every answer
    std::chrono::milliseconds jitter{0};   ///< at most this much more, at random
    double failure_rate = 0;               ///< share of commands that are answered with an error
    double busy_rate = 0;                  ///< share of commands for which it has no time
    std::int64_t hosts = 1;                ///< that it reports
    std::int64_t pools_per_host = 1;
    bool operator==(const Behaviour&) const = default;
};

/// The key in an agent's `data` under which existing clients say how many hosts it has.
inline constexpr std::string_view kDataKey = "io.cattle.platform.agent.connection.simulator.AgentConnectionSimulator";

inline constexpr std::int64_t kMostHosts = 1'000;
inline constexpr std::int64_t kMostPools = 100;

/// The plugin's options, and what they say.
std::vector<Option> behaviour_options();
Result<Behaviour> behaviour_of(const Config& config);

/// What `uri` ("sim://rack?latency=50ms&failure-rate=0.01&hosts=4") and the agent's data ({latency: "50ms", hosts: 4}
/// under kDataKey) change of `base`; the data wins.
/// Errors: invalid, naming the setting, what it is and what is allowed.
Result<Behaviour> behaviour_of(Behaviour base, std::string_view uri, const boost::json::object& data);

}  // namespace drover::simulator
