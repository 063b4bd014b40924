// Events as JSON.
#include "drover/event.hpp"
#include "fuzz.hpp"

using namespace drover;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto event = parse_event(fuzz::text_of(data, size));
    if (!event) {
        expect(event.error().code() == Errc::invalid && !event.error().message().empty(), "a refusal says why");
        return 0;
    }
    expect(check_event_name(event->name).has_value(), "an event has a good name", event->name);
    const auto written = to_json(*event);
    const auto again = parse_event(written);
    expect(again.has_value(), "what was read can be written and read again", written);
    expect(to_json(*again) == written, "what was read again is the same", written);
    expect(again->id == event->id && again->name == event->name && again->time == event->time &&
               again->data == event->data && again->context == event->context,
           "what was read again is the same", written);

    // A reply answers its request, also after its journey.
    if (!event->id.empty() && check_event_name(event->reply_to)) {
        const auto reply = parse_event(to_json(reply_to(*event, "reply")));
        expect(reply.has_value() && reply->answers(*event), "a reply answers its request", written);
    }
    return 0;
}
