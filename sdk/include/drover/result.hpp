#pragma once

#include <concepts>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "drover/error.hpp"

namespace [[gnu::visibility("default")]] drover {

/// Thrown by `Result::value()` of a failed result: a bug in the caller, who did not check.
class UncheckedResult : public std::runtime_error {
public:
    explicit UncheckedResult(const Error& error);
};

/// A value, or the reason why there is none: `if (!r) return r.error();  use(*r);`
///
/// Own code because C++20 has no std::expected, and boost::system::result is neither [[nodiscard]]
/// nor able to give its error by reference.
template <class T>
class [[nodiscard]] Result {
public:
    using value_type = T;

    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    template <class U = T>
    requires(std::is_constructible_v<T, U>&& std::is_convertible_v<U, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, Error>)
        Result(U&& value)
        : state_(std::in_place_index<0>, std::forward<U>(value)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }
    bool has_value() const noexcept { return state_.index() == 0; }

    /// Only while it holds a value.
    T& operator*() & noexcept { return *std::get_if<0>(&state_); }
    const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
    T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
    T* operator->() noexcept { return std::get_if<0>(&state_); }
    const T* operator->() const noexcept { return std::get_if<0>(&state_); }

    /// Throws UncheckedResult when there is none. For tests and `main`.
    T& value() & { return checked(), **this; }
    T&& value() && { return checked(), std::move(**this); }

    /// Only while it holds an error.
    const Error& error() const noexcept { return *std::get_if<1>(&state_); }

private:
    void checked() const {
        if (!has_value()) throw UncheckedResult(error());
    }
    std::variant<T, Error> state_;
};

/// Success without a value, or the reason why not: `co_return ok;`
template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() noexcept = default;
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }
    bool has_value() const noexcept { return state_.index() == 0; }
    void value() const {
        if (!has_value()) throw UncheckedResult(error());
    }
    const Error& error() const noexcept { return *std::get_if<1>(&state_); }

private:
    std::variant<std::monostate, Error> state_;
};

/// Reads better than `Result<void>{}`.
struct Ok {
    operator Result<void>() const { return {}; }
};
inline constexpr Ok ok{};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<Result<T>> = true;

}  // namespace drover
