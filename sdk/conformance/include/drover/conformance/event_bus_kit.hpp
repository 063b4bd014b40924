#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/conformance/waiting.hpp"
#include "drover/services/event_bus.hpp"

/// What an event bus must do. A backend joins with
///
///     struct MyBus : Backend { ... };
///     const auto kCases = run_event_bus_conformance<MyBus>("mine");
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

using namespace std::chrono_literals;

/// Fixture of the event bus cases: servers "alice", "bob" and "carol", started when a case first calls them.
class EventBusKit : public KitCase {
protected:
    EventBus& bus(std::string_view owner) { return backend().open<EventBus>(owner); }

    /// Subscribes; a failure ends the case.
    Subscription listen(std::string_view owner, std::string topic, std::size_t capacity = kRoomy);
    void publish(std::string_view owner, std::string topic, std::string payload);
    /// The next item, which must come; a failure ends the case.
    BusItem next(Subscription& subscription, Duration patience = kEnough);
    /// The payload of the next item, which must be a message.
    std::string next_payload(Subscription& subscription);
    /// Reads until a message with this payload; the messages before it. Gaps are counted in `gaps`.
    std::vector<std::string> read_until(Subscription& subscription, const std::string& last, int* gaps = nullptr);

    static constexpr Duration kEnough = 20s;
    static constexpr std::size_t kRoomy = 100'000;
};

std::vector<Case>& event_bus_cases();

/// Registers every case for `B`; returns how many.
template <class B>
std::size_t run_event_bus_conformance(const std::string& name) {
    return register_cases(event_bus_cases(), "EventBus", name, [] { return std::make_unique<B>(); });
}

#define BUS_CASE(case_name) DROVER_KIT_CASE(EventBusKit, event_bus_cases, case_name)

}  // namespace conformance
}  // namespace drover
