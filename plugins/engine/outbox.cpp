#include "outbox.hpp"

#include "drover/model/model.hpp"

namespace drover::engine {

void Outbox::changed(const std::string& type, std::int64_t id) {
    if (type.starts_with("externalHandler")) {
        if (on_handlers_changed) on_handlers_changed();
        Event told;
        told.name = "externalhandler.change";
        send({}, std::move(told));
    }
    const std::lock_guard lock(mutex_);
    if (!waiting_.emplace(type, id).second) return;
    if (rows_.size() >= kMost) {
        waiting_.erase(rows_.front());
        rows_.pop_front();
        ++dropped_;
    }
    rows_.emplace_back(type, id);
    bell_.ring();
}

void Outbox::send(std::string topic, Event event) {
    const std::lock_guard lock(mutex_);
    if (items_.size() >= kMost) {
        items_.pop_front();
        ++dropped_;
    }
    items_.push_back({std::move(topic), std::move(event)});
    bell_.ring();
}

std::uint64_t Outbox::dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

Async<void> Outbox::run(Events& events) {
    constexpr auto kAgain = std::chrono::milliseconds(100);
    for (;;) {
        const auto rang = co_await bell_.wait(clock_, Deadline::never());
        if (!rang) co_return;
        for (;;) {
            Item item;
            {
                const std::lock_guard lock(mutex_);
                if (!items_.empty()) {
                    item = std::move(items_.front());
                    items_.pop_front();
                } else if (!rows_.empty()) {
                    const auto [type, id] = rows_.front();
                    waiting_.erase(rows_.front());
                    rows_.pop_front();
                    item.event.name = "state.change";
                    item.event.resource_type = type;
                    item.event.resource_id = std::to_string(id);
                } else {
                    break;
                }
            }
            item.event.id = new_uuid();
            item.event.publisher = server_;
            item.event.time = clock_.wall();
            // An error of the bus is no error here: who missed it reads the store again.
            Result<void> published;
            if (item.topic.empty()) {
                auto publishing = events.publish(std::move(item.event));
                published = co_await std::move(publishing);
            } else {
                auto publishing = events.publish_to(std::move(item.topic), std::move(item.event));
                published = co_await std::move(publishing);
            }
            if (!published && published.error().code() == Errc::cancelled) co_return;
            if (!published) {
                const auto slept = co_await sleep_for(clock_, kAgain);
                if (!slept) co_return;
            }
        }
    }
}

}  // namespace drover::engine
