#include "inject.hpp"

namespace drover::conformance {

Async<Result<void>> FaultyEventBus::publish(std::string topic, std::string payload) {
    return detail::inject<void>(plan_, clock_, Deadline::never(), "publish",
                                [this, topic, payload] { return inner_.publish(topic, payload); });
}

Async<Result<Subscription>> FaultyEventBus::subscribe(std::string topic, std::size_t capacity) {
    auto subscribing =
        detail::inject<Subscription>(plan_, clock_, Deadline::never(), "subscribe",
                                     [this, topic, capacity] { return inner_.subscribe(topic, capacity); });
    auto inner = co_await std::move(subscribing);
    if (!inner) co_return inner.error();
    auto outer = Subscription::make(capacity, [feed = inner->feed()] {
        feed.close(Error(Errc::unavailable, "its reader has gone"));  // ends the pump
    });
    const bool pumped = pumps_.spawn("fault.pump", [this, from = *inner, to = outer.feed()] { return pump(from, to); });
    if (!pumped) co_return Error(Errc::unavailable, "the faulty event bus is being destroyed");
    co_return outer;
}

Async<void> FaultyEventBus::pump(Subscription from, Subscription::Feed to) {
    struct Closer {
        Subscription::Feed feed;
        ~Closer() { feed.close(Error(Errc::unavailable, "the faulty event bus is gone")); }
    };
    const Closer closer{to};
    for (;;) {
        const auto item = co_await from.next(clock_);
        if (!item) {
            to.close(item.error());
            co_return;
        }
        const auto drawn = plan_.draw_item();
        if (drawn.fault == Fault::delay) {
            const auto waited = co_await sleep_for(clock_, drawn.delay);
            if (!waited) co_return;
        }
        if (drawn.fault == Fault::lose) to.gap("the fault plan lost it");
        else if (const auto* gap = std::get_if<BusGap>(&*item)) to.gap(gap->reason);
        else to.push(std::make_shared<const BusMessage>(std::get<BusMessage>(*item)));
    }
}

}  // namespace drover::conformance
