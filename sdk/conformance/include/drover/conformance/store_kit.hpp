#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "drover/conformance/kit.hpp"
#include "drover/services/store.hpp"

/// What a store must do. A backend joins with
///
///     struct MyStore : Backend { ... };
///     const auto kCases = run_store_conformance<MyStore>("mine");
namespace drover::conformance {

using namespace std::chrono_literals;

/// The resource types that the cases use; see store_kit.cpp.
std::vector<ResourceType> store_kit_types();

/// Fixture of the store's cases: a new store with the kit's types, opened by one server, "alice"; with the
/// trait `shared` also by "bob".
class StoreKit : public KitCase {
protected:
    void SetUp() override;

    Store& alice() { return backend().open<Store>("alice"); }
    /// Another server on the same store; where only one may open it, alice herself. Its clock is alice's then.
    Store& bob();
    std::string bob_name() { return promises("shared") ? "bob" : "alice"; }
    bool promises(const std::string& trait);
    /// Closes alice and opens her again, types and all.
    void reopen();

    Result<Migration> migrate(Store& store, std::vector<ResourceType> types, MigrateMode mode = MigrateMode::apply);

    /// By alice, as the next four; a failure ends the case.
    Committed commit(std::vector<Operation> operations);
    std::int64_t create(std::string type, Assignments values);
    Record read(std::string type, std::int64_t id);
    Page find(Query query);
    std::vector<std::int64_t> ids(Query query);
    /// The ids of the machines for which all of `where` holds, ascending.
    std::vector<std::int64_t> machines(std::vector<AnyOf> where);

    Result<Committed> attempt(std::vector<Operation> operations) { return attempt(alice(), std::move(operations)); }
    Result<Committed> attempt(Store& store, std::vector<Operation> operations, std::string batch_id = {});
    Result<std::optional<Committed>> outcome(std::string batch_id);

    /// Every page of a query, by its cursors.
    std::vector<std::int64_t> walk(Query query);

    /// Starts all of them at once, each a coroutine of its own, and gives their results in that order.
    template <class T>
    std::vector<Result<T>> together(std::vector<std::function<Async<Result<T>>()>> works);

    /// Starts all of them, withdraws from them when `before` returned, and tells how they ended and how long
    /// that took from then on.
    template <class T>
    std::pair<std::vector<Result<T>>, Duration> withdraw(std::vector<std::function<Async<Result<T>>()>> works,
                                                         const std::function<void()>& before = {});
    /// What every wait promises to the caller who withdraws, and to the one whose deadline passes.
    static constexpr Duration kPromptly = kCancelWithin;

    /// Unlike any other of this run.
    std::string unique_name(std::string_view what);
    /// A generator whose seed is printed when the case fails; DROVER_TEST_SEED repeats a run.
    std::mt19937_64 seeded();

    static constexpr Duration kEnough = 20s;

private:
    std::set<std::string> migrated_;  // owners that have the kit's types
};

/// What holds when any of these does.
inline AnyOf any(std::string field, Op op, std::vector<Value> values = {}) {
    return {{std::move(field), op, std::move(values)}};
}
/// One condition alone.
inline std::vector<AnyOf> where(std::string field, Op op, std::vector<Value> values = {}) {
    return {any(std::move(field), op, std::move(values))};
}

std::vector<Case>& store_cases();

/// Registers every case for `Backend`; returns how many.
template <class Backend>
std::size_t run_store_conformance(const std::string& name) {
    return register_cases(store_cases(), "Store", name, [] { return std::make_unique<Backend>(); });
}

namespace detail {

/// Coroutines of a case, each with its result; they end before this does.
template <class T>
class Crowd {
public:
    Crowd(Executor executor, std::vector<std::function<Async<Result<T>>()>> works)
        : results_(works.size(), Result<T>(Error(Errc::cancelled, "it did not begin"))), group_(std::move(executor)) {
        for (std::size_t i = 0; i < works.size(); ++i)
            group_.spawn("kit.worker", [this, i, work = std::move(works[i])]() -> Async<void> {
                auto result = co_await work();
                const std::lock_guard lock(mutex_);
                results_[i] = std::move(result);
            });
    }
    void cancel() { group_.cancel(); }
    bool join(std::chrono::milliseconds at_most) { return group_.join(at_most); }
    std::vector<Result<T>> results() {
        const std::lock_guard lock(mutex_);
        return results_;
    }

private:
    std::mutex mutex_;
    std::vector<Result<T>> results_;  // guarded by mutex_
    TaskGroup group_;
};

}  // namespace detail

template <class T>
std::vector<Result<T>> StoreKit::together(std::vector<std::function<Async<Result<T>>()>> works) {
    detail::Crowd<T> crowd(backend().executor(), std::move(works));
    EXPECT_TRUE(crowd.join(kPatience)) << "some calls did not end";
    return crowd.results();
}

template <class T>
std::pair<std::vector<Result<T>>, Duration> StoreKit::withdraw(std::vector<std::function<Async<Result<T>>()>> works,
                                                               const std::function<void()>& before) {
    detail::Crowd<T> crowd(backend().executor(), std::move(works));
    if (before) before();
    const auto begun = std::chrono::steady_clock::now();
    crowd.cancel();
    EXPECT_TRUE(crowd.join(kPatience)) << "some calls did not end when their callers withdrew";
    const auto took = std::chrono::steady_clock::now() - begun;
    return {crowd.results(), took};
}

#define STORE_CASE(case_name) DROVER_KIT_CASE(StoreKit, store_cases, case_name)

/// Says which promise a backend does not make.
#define STORE_CASE_NEEDS(trait) \
    if (!promises(trait)) GTEST_SKIP() << "the backend does not declare the trait " << (trait)

}  // namespace drover::conformance
