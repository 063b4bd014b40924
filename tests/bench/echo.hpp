#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstdint>

#include "drover/facade.hpp"

/// A service that does next to nothing, so that what is measured is the call.
namespace drover::bench {

class Echo {
public:
    static constexpr std::string_view kId = "drover.bench.echo";
    static constexpr int kVersion = 0;
    static constexpr std::string_view kSlot = "echo";
    virtual ~Echo() = default;

    /// Answers on the spot.
    virtual Async<Result<std::int64_t>> add(std::int64_t number) = 0;
    /// Suspends once, as a call that waits for anything does.
    virtual Async<Result<std::int64_t>> add_later(std::int64_t number) = 0;
};

class EchoService final : public Echo {
public:
    Async<Result<std::int64_t>> add(std::int64_t number) override { co_return sum_ += number; }
    Async<Result<std::int64_t>> add_later(std::int64_t number) override {
        const auto executor = co_await boost::asio::this_coro::executor;
        co_await boost::asio::post(executor, boost::asio::use_awaitable_t<Executor>{});
        co_return sum_ += number;
    }

private:
    std::int64_t sum_ = 0;
};

class EchoFacade final : public Echo {
public:
    explicit EchoFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}
    Async<Result<std::int64_t>> add(std::int64_t number) override {
        return guarded<Echo, std::int64_t>(*binding_, "add", [number](Echo& echo) { return echo.add(number); });
    }
    Async<Result<std::int64_t>> add_later(std::int64_t number) override {
        return guarded<Echo, std::int64_t>(*binding_, "add_later",
                                           [number](Echo& echo) { return echo.add_later(number); });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace drover::bench

template <>
inline std::shared_ptr<drover::bench::Echo> drover::make_facade<drover::bench::Echo>(std::shared_ptr<Binding> binding) {
    return std::make_shared<drover::bench::EchoFacade>(std::move(binding));
}
