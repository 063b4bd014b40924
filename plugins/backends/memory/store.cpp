#include "store.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>

namespace drover::memory {
namespace {

/// True now and then. A coroutine that never suspends keeps its thread, and does not see that it was
/// cancelled; so a verb whose turn it is lets others run before it does anything.
bool gives_way() {
    constexpr unsigned kTurn = 16;
    static thread_local unsigned calls = 0;
    return ++calls % kTurn == 0;
}

Async<void> give_way() {
    const auto executor = co_await boost::asio::this_coro::executor;
    co_await boost::asio::post(executor, boost::asio::use_awaitable_t<Executor>());
}

Error too_late() { return Error(Errc::timeout, "the deadline passed before the store was asked"); }

}  // namespace

MemoryStore::MemoryStore(WorldPtr world, Context& context)
    : world_(std::move(world)), state_(world_->part<StoreState>()), clock_(context.clock()) {
    auto none = std::make_shared<View>();
    none->schema = Schema::make({}).value();
    view_ = std::move(none);
}

MemoryStore::ViewPtr MemoryStore::view() const {
    const std::lock_guard lock(view_mutex_);
    return view_;
}

Result<void> MemoryStore::check_position(const Consistency& consistency) const {
    if (consistency.kind != Consistency::Kind::at_least) return ok;
    const auto& text = consistency.position.text;
    std::uint64_t position = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (error == std::errc() && end == text.data() + text.size() && position <= state_.position) return ok;
    return Error(Errc::invalid, "the position " + Value(text).describe() + " is none of this store's",
                 "Give a position that this store answered with.");
}

Async<Result<Migration>> MemoryStore::migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) {
    if (deadline.passed(clock_)) co_return too_late();
    const bool apply = mode == MigrateMode::apply;
    const auto lock = state_.lock.write();
    auto declared = types;
    for (const auto& known : types_) {
        const auto again = [&](const ResourceType& given) { return given.name == known.first; };
        if (std::none_of(types.begin(), types.end(), again)) declared.push_back(known.second);
    }
    auto schema = Schema::make(std::move(declared));
    if (!schema) co_return schema.error();
    auto steps = migrate_tables(state_, **schema, apply);
    if (!steps) co_return steps.error();
    if (apply) {
        auto made = std::make_shared<const View>(make_view(state_, *schema));
        for (auto& type : types) types_[type.name] = std::move(type);
        const std::lock_guard view_lock(view_mutex_);
        view_ = std::move(made);
    }
    co_return Migration{std::move(*steps), apply};
}

Async<Result<Record>> MemoryStore::get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) {
    if (gives_way()) co_await give_way();
    if (deadline.passed(clock_)) co_return too_late();
    const auto known = view();
    const auto found = known->types.find(type);
    if (found == known->types.end()) co_return Error(Errc::invalid, "there is no resource type \"" + type + "\"");
    const auto lock = state_.lock.read();
    if (auto checked = check_position(consistency); !checked) co_return checked.error();
    const auto* slot = found->second.table->find(id);
    if (!slot) co_return Error(Errc::not_found, type + " " + std::to_string(id) + ": there is no such record");
    co_return record_of(found->second, *slot);
}

Async<Result<Page>> MemoryStore::query(Query query, Consistency consistency, Deadline deadline) {
    if (gives_way()) co_await give_way();
    if (deadline.passed(clock_)) co_return too_late();
    const auto known = view();
    if (auto checked = check_query(*known->schema, query); !checked) co_return checked.error();
    const auto lock = state_.lock.read();
    if (auto checked = check_position(consistency); !checked) co_return checked.error();
    co_return run_query(*known, query);
}

Async<Result<Committed>> MemoryStore::commit(Batch batch, Deadline deadline) {
    if (gives_way()) co_await give_way();
    if (deadline.passed(clock_)) co_return too_late();
    const auto known = view();
    if (auto checked = check_batch(*known->schema, batch); !checked) co_return checked.error();
    const auto lock = state_.lock.write();
    if (!batch.id.empty()) {
        if (const auto* before = state_.batches.find(batch.id)) co_return *before;
        if (auto room = state_.batches.make_room(clock_.now()); !room) co_return room.error();
    }
    auto changed = apply_batch(*known, batch);
    if (!changed) co_return changed.error();
    Committed committed{{std::to_string(++state_.position)}, std::move(*changed)};
    if (!batch.id.empty()) state_.batches.add(std::move(batch.id), committed, clock_.now());
    co_return committed;
}

Async<Result<std::optional<Committed>>> MemoryStore::outcome(std::string batch_id, Deadline deadline) {
    if (deadline.passed(clock_)) co_return too_late();
    // A commit is done at one stroke: what is not known now has not begun, and its caller would know.
    const auto lock = state_.lock.read();
    const auto* known = state_.batches.find(batch_id);
    if (!known) co_return std::optional<Committed>();
    co_return std::optional<Committed>(*known);
}

Async<Result<Position>> MemoryStore::position(Deadline deadline) {
    if (deadline.passed(clock_)) co_return too_late();
    const auto lock = state_.lock.read();
    co_return Position{std::to_string(state_.position)};
}

}  // namespace drover::memory
