#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drover/abi.hpp"
#include "drover/conformance/backend.hpp"

/// The frame of every kit: cases are classes, registered with GoogleTest at run time for each backend, so
/// that the same case runs in a source tree and on a binary (`drover plugin test FILE.so`).
namespace [[gnu::visibility("default")]] drover {
namespace conformance {

/// What every service promises of a caller who withdraws, or whose deadline passes: he is free within 100 ms. A
/// sanitizer looks at each access, and slows down whatever is carried out meanwhile: there only hanging is noticed.
inline constexpr bool kIsSanitized = std::string_view(DROVER_DETAIL_SANITIZER) != "none";
inline constexpr std::chrono::milliseconds kCancelWithin{kIsSanitized ? 5'000 : 100};

using BackendFactory = std::function<std::unique_ptr<Backend>()>;

/// Base of a kit's fixture. A case is skipped, naming the trait, when the backend does not promise it.
class KitCase : public testing::Test {
public:
    void set_factory(BackendFactory factory) { factory_ = std::move(factory); }

protected:
    void SetUp() override { backend_ = factory_(); }
    void TearDown() override { backend_.reset(); }
    Backend& backend() { return *backend_; }

    /// Runs a coroutine to its end. A case that hangs fails after `kPatience`.
    template <class T>
    Result<T> run(Async<Result<T>> work) {
        return block_on(backend().executor(), std::move(work), kPatience);
    }
    static constexpr std::chrono::milliseconds kPatience{30'000};
    /// A deadline on the owner's clock.
    Deadline in(Duration wait, std::string_view owner = "alice") { return Deadline::in(backend().clock(owner), wait); }

private:
    BackendFactory factory_;
    std::unique_ptr<Backend> backend_;
};

/// One case of a kit.
struct Case {
    std::string name;
    const char* file;
    int line;
    std::function<KitCase*()> make;
};

/// Registers every case of `cases` for `backend_name`; returns how many. Suites are named KIT/BACKEND.
std::size_t register_cases(const std::vector<Case>& cases, const std::string& kit, const std::string& backend_name,
                           BackendFactory factory);

namespace detail {
struct CaseAdder {
    CaseAdder(std::vector<Case>& cases, Case one) { cases.push_back(std::move(one)); }
};
}  // namespace detail

/// DROVER_KIT_CASE(LockKit, lock_cases, TokenGrowsWithEveryLease) { ... }: each kit wraps it in a macro of
/// its own, such as LOCK_CASE(name). `list` is a function returning the kit's std::vector<Case>&.
#define DROVER_KIT_CASE(fixture, list, case_name)                                      \
    class case_name##Case : public fixture {                                           \
        void TestBody() override;                                                      \
    };                                                                                 \
    static const ::drover::conformance::detail::CaseAdder case_name##_adder(           \
        list(), {#case_name, __FILE__, __LINE__, [] { return new case_name##Case; }}); \
    void case_name##Case::TestBody()

}  // namespace conformance
}  // namespace drover
