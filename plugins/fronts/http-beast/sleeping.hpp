#pragma once

#include "connection.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

namespace drover::http_beast {

/// Wraps a callback so that the connection outlives it and knows that it is pending.
template <class F>
auto Connection::counted(F work) {
    ++pending_;
    return boost::asio::bind_executor(*strand_, [self = shared_from_this(), work](auto&&...) {
        --self->pending_;
        work(*self);
        self->settle();
    });
}

template <class Handler>
struct Connection::SleepingHandler final : Connection::Sleeper {
    explicit SleepingHandler(Handler with) : handler(std::move(with)) {}
    void wake() override {
        boost::asio::get_associated_cancellation_slot(handler).clear();
        std::move(handler)();
    }
    Handler handler;
};

/// Suspends the task until `wake`. A cancellation closes the connection, which wakes it in turn.
inline auto Connection::sleep() {
    return boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
        [this](auto handler) {
            auto slot = boost::asio::get_associated_cancellation_slot(handler);
            if (slot.is_connected()) {
                slot.assign([this](boost::asio::cancellation_type) {
                    // When the front itself ended the task, the client's answer may still be on its way.
                    if (!abandoned_) close_now();
                    boost::asio::post(counted([](Connection&) {}));
                });
            }
            using Handler = std::decay_t<decltype(handler)>;
            sleeper_ = std::make_unique<SleepingHandler<Handler>>(std::move(handler));
            // Inside `pump`, the loop there goes on by itself.
            if (!pumping_) boost::asio::post(counted([](Connection& self) { self.pump(); }));
        },
        boost::asio::deferred);
}

}  // namespace drover::http_beast
