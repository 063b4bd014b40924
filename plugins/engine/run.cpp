// From a claimed resource to its done state: the lock, the state, the three lists, and where they lead.
#include "run.hpp"

#include "external_handlers.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr auto kLockWait = std::chrono::milliseconds(1'000);
constexpr int kMostDelegates = 8;
constexpr int kTries = 20;

}  // namespace

std::string_view to_string(Exit exit) {
    switch (exit) {
        case Exit::done: return "DONE";
        case Exit::already_done: return "ALREADY_DONE";
        case Exit::canceled: return "CANCELED";
        case Exit::delegate: return "DELEGATE";
        case Exit::state_changed: return "STATE_CHANGED";
        case Exit::resource_busy: return "RESOURCE_BUSY";
    }
    return "UNKNOWN";
}

Run::Run(AttemptPtr attempt, Run* parent, const ProcessDefinition* process, std::int64_t resource, json::object data)
    : attempt_(std::move(attempt)),
      core_(attempt_->core()),
      parent_(parent),
      process_(process),
      resource_id_(resource),
      data_(std::move(data)),
      history_(core_),
      depth_(parent ? parent->depth_ + 1 : 0) {}

std::string Run::lock_name() const { return process_->resource_type + "." + std::to_string(resource_id_) + ".CHANGE"; }

std::vector<Operation> Run::fences() const {
    std::vector<Operation> all;
    all.emplace_back(attempt_->fence());
    return all;
}

Update Run::done_update() const {
    Update update;
    update.type = process_->resource_type;
    update.id = resource_id_;
    update.values = {{process_->state_field, change_->done}};
    update.expect = {{process_->state_field, Value(change_->transitioning)}};
    return update;
}

Async<Result<Exit>> Run::carry_out() {
    for (int hop = 0; hop < kMostDelegates; ++hop) {
        history_.begin(*process_, resource_id_, process_id());
        auto running = once();
        auto exit = co_await std::move(running);
        if (!exit) {
            const bool late = exit.error().code() == Errc::timeout;
            history_.end(late ? "TIMEOUT" : "UNKNOWN_EXCEPTION", exit.error());
            co_return exit.error();
        }
        history_.end(to_string(*exit));
        if (*exit != Exit::delegate) co_return *exit;
        process_ = std::exchange(delegate_, nullptr);
    }
    co_return Error(Errc::invalid, process_->name + ": its delegates lead in a circle");
}

Async<Result<Exit>> Run::once() {
    const auto name = lock_name();
    history_.lock_wanted();
    auto holding = attempt_->hold(name, kLockWait);
    auto held = co_await std::move(holding);
    if (!held && held.error().code() == Errc::busy) {
        history_.lock_taken(false);
        co_return Exit::resource_busy;
    }
    if (!held) co_return held.error();
    history_.lock_taken(true);
    auto running = in_lock();
    auto exit = co_await std::move(running);
    // The record's own run keeps its lock until its end is written.
    if (*held && parent_) attempt_->release(name);
    co_return exit;
}

Exit Run::delegate_or_cancel() {
    const auto* delegate = process_->delegate.empty() ? nullptr : core_.model->process(process_->delegate);
    if (!delegate) return Exit::canceled;
    const auto state = resource_[delegate->state_field].text();
    if (!delegate->starting_at(state) && !delegate->in_transition(state) && !delegate->is_done(state))
        return Exit::canceled;
    delegate_ = delegate;
    return Exit::delegate;
}

/// Brings the resource into the transitioning state. A value: there is nothing to run.
Async<Result<std::optional<Exit>>> Run::enter() {
    for (int attempt = 1;; ++attempt) {
        auto record = co_await core_.get(process_->resource_type, resource_id_, core_.soon());
        if (!record && record.error().code() == Errc::not_found) co_return std::optional(Exit::canceled);
        if (!record) co_return record.error();
        resource_ = std::move(*record);
        const auto state = std::string(resource_[process_->state_field].text());
        change_ = process_->starting_at(state);
        if (!change_ && process_->is_done(state)) co_return std::optional(Exit::already_done);
        if (!change_) {
            change_ = process_->in_transition(state);
            if (!change_) co_return std::optional(delegate_or_cancel());
            co_return std::optional<Exit>();
        }
        auto way = entering(*core_.model, *process_, resource_);
        const auto values = way.update.values;
        Batch batch;
        batch.operations = fences();
        batch.operations.emplace_back(std::move(way.update));
        auto committing = core_.commit(std::move(batch), core_.soon());
        auto committed = co_await std::move(committing);
        if (committed) {
            history_.transition(process_->state_field, state, change_->transitioning);
            resource_ = with_values(*core_.model, resource_, values, committed->changed.back().version);
            core_.outbox.changed(process_->resource_type, resource_id_);
            co_return std::optional<Exit>();
        }
        const auto refused = refused_operation(committed.error());
        if (committed.error().code() == Errc::conflict && refused == std::size_t{0}) co_return claim_lost();
        if (committed.error().code() == Errc::not_found) co_return std::optional(Exit::canceled);
        if (committed.error().code() != Errc::conflict || attempt >= kTries) co_return committed.error();
    }
}

Async<Result<Exit>> Run::look_again() {
    auto record = co_await core_.get(process_->resource_type, resource_id_, core_.soon());
    if (!record && record.error().code() == Errc::not_found) co_return Exit::canceled;
    if (!record) co_return record.error();
    resource_ = std::move(*record);
    const auto state = resource_[process_->state_field].text();
    if (process_->is_done(state)) co_return Exit::already_done;
    if (process_->starting_at(state) || process_->in_transition(state)) co_return Exit::state_changed;
    co_return delegate_or_cancel();
}

Async<Result<Exit>> Run::in_lock() {
    wants_done_ = false;
    auto entering_now = enter();
    auto entered = co_await std::move(entering_now);
    if (!entered) co_return entered.error();
    if (*entered) co_return **entered;

    bool delegate = false;
    for (const auto phase : {LogicPhase::pre, LogicPhase::handler, LogicPhase::post}) {
        auto listing = run_list(phase);
        auto outcome = co_await std::move(listing);
        if (!outcome) co_return outcome.error();
        delegate = delegate || outcome->delegate;
        if (!outcome->touched) continue;
        auto looking = core_.get(process_->resource_type, resource_id_, core_.soon());
        auto record = co_await std::move(looking);
        if (!record && record.error().code() == Errc::not_found) co_return Exit::canceled;
        if (!record) co_return record.error();
        resource_ = std::move(*record);
        if (resource_[process_->state_field].text() == change_->transitioning) continue;
        auto again = look_again();
        co_return co_await std::move(again);
    }
    if (delegate) co_return delegate_or_cancel();
    history_.transition(process_->state_field, change_->transitioning, change_->done);
    if (!parent_) {
        wants_done_ = true;  // written together with the record's end
        co_return Exit::done;
    }
    Batch batch;
    batch.operations = fences();
    batch.operations.emplace_back(done_update());
    auto committing = core_.commit(std::move(batch), core_.soon());
    auto committed = co_await std::move(committing);
    if (committed) {
        core_.outbox.changed(process_->resource_type, resource_id_);
        Assignments values{{process_->state_field, change_->done}};
        resource_ = with_values(*core_.model, resource_, values, committed->changed.back().version);
        co_return Exit::done;
    }
    const auto refused = refused_operation(committed.error());
    if (committed.error().code() == Errc::conflict && refused == std::size_t{0}) co_return claim_lost();
    if (committed.error().code() == Errc::not_found) co_return Exit::canceled;
    if (committed.error().code() != Errc::conflict) co_return committed.error();
    auto again = look_again();
    co_return co_await std::move(again);
}

Async<Result<LogicResult>> Run::call(PiecePtr piece) {
    // What it throws before it suspends is thrown here; what later, is its result already.
    auto calling = piece->call(shared_from_this());
    co_return co_await std::move(calling);
}

Async<Result<Run::ListOutcome>> Run::run_list(LogicPhase phase) {
    ListOutcome outcome;
    const auto list = core_.externals->merged(core_.logic.of(process_->name), process_->name, phase);
    for (const auto& piece : *list) {
        if (attempt_->over()) co_return claim_lost();
        logic_ = piece->info.name;
        attempt_->waits_for("logic", process_->name + ": " + logic_ + " is at work");
        history_.logic_begun(piece, resource_);
        const auto began = core_.clock.now();
        auto calling = call(piece);
        auto result = co_await std::move(calling);
        core_.measures.logic(logic_).observe(std::chrono::duration<double>(core_.clock.now() - began).count());
        if (attempt_->over()) co_return claim_lost();
        logic_.clear();
        if (!result) co_return result.error().in(piece->info.name);
        const bool own = piece->info.plugin == core_.context.instance();
        outcome.touched = outcome.touched || !own || result->handled;
        outcome.delegate = outcome.delegate || result->delegate;
        if (!result->handled) {
            history_.logic_ended(nullptr, true, result->delegate, resource_);
            continue;
        }
        if (!result->data.empty()) {
            auto merging = merge(core_, process_->resource_type, resource_id_, result->data, fences(), core_.soon());
            auto merged = co_await std::move(merging);
            if (!merged) co_return merged.error().in("the result of " + piece->info.name);
            resource_ = std::move(*merged);
        }
        const bool go_on = result->go_on.value_or(phase != LogicPhase::handler);
        history_.logic_ended(&result->data, go_on, result->delegate, resource_);
        if (!go_on) break;
    }
    co_return outcome;
}

std::string Run::path() const {
    auto text = parent_ ? parent_->path() + "->" + process_->name : process_->name;
    if (!logic_.empty()) text += "->(" + logic_ + ")";
    return text;
}

json::object Run::event_context() const {
    const Run* top = this;
    while (top->parent_) top = top->parent_;
    const auto name = [](const Run& run) { return run.type() + ":" + std::to_string(run.resource_id_); };
    json::object context;
    context["prettyResource"] = top == this ? name(*top) : name(*top) + "->" + name(*this);
    context["prettyProcess"] = top == this ? process_->name : top->process_->name + "->" + process_->name;
    context["processId"] = process_id();
    context["processName"] = process_->name;
    context["topProcessName"] = top->process_->name;
    // The two are misspelt on the wire, and clients read them so.
    context["resouceId"] = resource_id_;
    context["resouceType"] = process_->resource_type;
    context["topResourceId"] = top->resource_id_;
    context["topResourceType"] = top->process_->resource_type;
    context["logicName"] = logic_.empty() ? json::value(nullptr) : json::value(logic_);
    context["logicPath"] = path();
    return context;
}

}  // namespace drover::engine
