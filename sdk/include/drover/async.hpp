#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <coroutine>
#include <exception>
#include <utility>

#include "drover/result.hpp"

namespace [[gnu::visibility("default")]] drover {

using Executor = boost::asio::any_io_executor;

/// A coroutine that runs on the kernel's executor: `const auto lease = co_await locks.acquire(...)`.
///
/// Rules: parameters by value; never block; name an awaitable before awaiting a choice of two
/// (g++ 12 miscompiles `co_await (b ? f() : g())`).
/// An exception that leaves an `Async<Result<T>>` becomes its error: `cancelled` when the caller
/// withdrew, otherwise `internal` with the exception's text. So callers of the SDK see results only.
template <class T>
using Async = boost::asio::awaitable<T, Executor>;

/// The error that stands for an exception that escaped.
Error error_of(std::exception_ptr exception);

namespace detail {

/// The coroutine frame of every Async<Result<T>>: Asio's own (Boost 1.81, asio/impl/awaitable.hpp),
/// but what escapes becomes the result. It adds no members, so Asio may treat it as its base.
template <class T>
class ResultFrame : public boost::asio::detail::awaitable_frame<Result<T>, Executor> {
    using Base = boost::asio::detail::awaitable_frame<Result<T>, Executor>;

public:
    Async<Result<T>> get_return_object() noexcept {
        static_assert(sizeof(ResultFrame) == sizeof(Base) && alignof(ResultFrame) == alignof(Base));
        auto result = Base::get_return_object();
        this->coro_ = std::coroutine_handle<ResultFrame>::from_promise(*this);
        return result;
    }
    using Base::await_transform;
    template <class U>
    auto await_transform(Async<U> awaited) const {
        // Asio's awaitable deduces the frame of who awaits from the handle; show it the base it knows.
        struct Awaiter {
            Async<U> awaited;
            bool await_ready() const noexcept { return awaited.await_ready(); }
            void await_suspend(std::coroutine_handle<ResultFrame> handle) {
                awaited.await_suspend(std::coroutine_handle<Base>::from_promise(handle.promise()));
            }
            U await_resume() { return awaited.await_resume(); }
        };
        return Awaiter{Base::await_transform(std::move(awaited))};
    }
    void unhandled_exception() { this->return_value(Result<T>(error_of(std::current_exception()))); }
};

}  // namespace detail
}  // namespace drover

template <class T, class... Args>
struct std::coroutine_traits<boost::asio::awaitable<drover::Result<T>, drover::Executor>, Args...> {
    using promise_type = drover::detail::ResultFrame<T>;
};
