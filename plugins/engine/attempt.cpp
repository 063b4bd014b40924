// One attempt from its claim to what is written at its end.
#include "attempt.hpp"

#include <random>

#include "run.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto kShortWait = 250ms;  // for a lock that another process holds
constexpr auto kLongestWait = 30s;  // for what is away
constexpr auto kLongestTurn = 60s;  // for an agent with too much to do, which tells when it has less
constexpr std::size_t kLongestReason = 1'000;

double jitter() {
    thread_local std::mt19937_64 random{std::random_device{}()};
    return std::uniform_real_distribution<double>(0.75, 1.25)(random);
}

std::int64_t after(std::chrono::milliseconds first, std::chrono::milliseconds most, int times) {
    const double wait =
        static_cast<double>(first.count()) * static_cast<double>(std::uint64_t{1} << std::min(times, 30));
    return static_cast<std::int64_t>(std::min(wait, static_cast<double>(most.count())) * jitter());
}

std::string shortened(std::string text) {
    if (text.size() <= kLongestReason) return text;
    text.resize(kLongestReason);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
    return text;
}

/// Somebody is away or busy: that is waited for, and does not count as a failure of the logic.
bool is_wait(const Error& error) {
    if (is_event_error(error)) return false;
    return error.code() == Errc::unavailable || error.code() == Errc::exhausted || error.code() == Errc::busy;
}

}  // namespace

Attempt::Attempt(Core& core, Claim claim, Dispatcher::Place place)
    : core_(core),
      claim_(std::move(claim)),
      place_(std::move(place)),
      deadline_(Deadline::in(core.clock, core.settings.duration("process.attempt.timeout", 10min))) {
    saved_data = to_text(claim_.data);
}

Check Attempt::fence() const {
    Check check;
    check.type = "processInstance";
    check.id = claim_.id;
    check.expect = {{"epoch", Value(claim_.epoch)}};
    return check;
}

void Attempt::waits_for(std::string kind, std::string sentence) {
    const std::lock_guard lock(mutex_);
    waits_.kind = std::move(kind);
    waits_.sentence = std::move(sentence);
    waits_.since = core_.now();
}

Attempt::Waits Attempt::waits() const {
    const std::lock_guard lock(mutex_);
    return waits_;
}

Async<Result<bool>> Attempt::hold(std::string name, std::chrono::milliseconds wait) {
    if (over()) co_return claim_lost();
    {
        const std::lock_guard lock(mutex_);
        const auto found = locks_.find(name);
        if (found != locks_.end() && !found->second.lost()) co_return false;
        waits_ = {"lock", "the lock " + name, core_.now()};
    }
    const auto began = core_.clock.now();
    auto lease = co_await core_.locks.acquire(name, Deadline::in(core_.clock, wait));
    core_.measures.lock_wait.observe(std::chrono::duration<double>(core_.clock.now() - began).count());
    if (!lease) co_return lease.error();
    {
        const std::lock_guard lock(mutex_);
        if (!over()) {
            locks_.insert_or_assign(name, *lease);
            co_return true;
        }
    }
    (void)co_await core_.locks.release(*lease);
    co_return claim_lost();
}

void Attempt::release(const std::string& name) {
    Lease lease;
    {
        const std::lock_guard lock(mutex_);
        const auto found = locks_.find(name);
        if (found == locks_.end()) return;
        lease = std::move(found->second);
        locks_.erase(found);
    }
    core_.background.spawn("engine.release",
                           [&core = core_, lease]() -> Async<void> { (void)co_await core.locks.release(lease); });
}

void Attempt::release_all() {
    std::map<std::string, Lease> locks;
    {
        const std::lock_guard lock(mutex_);
        locks.swap(locks_);
    }
    if (locks.empty()) return;
    core_.background.spawn("engine.release", [&core = core_, locks = std::move(locks)]() -> Async<void> {
        for (const auto& [name, lease] : locks) (void)co_await core.locks.release(lease);
    });
}

void Attempt::finish(std::string_view outcome) {
    release_all();
    core_.measures.ended(claim_.process, outcome);
    place_.give_back();
    core_.dispatcher->ended(*this);
}

/// A write that decides the end of the attempt is tried until the store says yes or no.
Async<Result<void>> Attempt::write(Batch batch) {
    auto pause = std::chrono::milliseconds(50);
    for (;;) {
        auto committing = core_.commit(batch, core_.soon());
        auto committed = co_await std::move(committing);
        if (committed) co_return ok;
        const auto code = committed.error().code();
        if (code == Errc::conflict || code == Errc::not_found || code == Errc::invalid || code == Errc::cancelled ||
            code == Errc::internal)
            co_return committed.error();
        const auto slept = co_await sleep_for(core_.clock, pause);
        if (!slept) co_return slept.error();
        pause = std::min(pause * 2, std::chrono::milliseconds(2'000));
    }
}

Async<void> Attempt::run() {
    const auto self = shared_from_this();
    const auto* definition = core_.model->process(claim_.process);
    std::shared_ptr<Run> run;
    Result<Exit> exit = Exit::canceled;
    if (definition) {
        run = std::make_shared<Run>(self, nullptr, definition, claim_.resource, claim_.data);
        auto running = run->carry_out();
        exit = co_await std::move(running);
    } else {
        exit = Error(Errc::unsupported, "no plugin of this server declares the process " + claim_.process);
    }
    // Who ends the attempt on a state that moved meanwhile looks again, a few times.
    for (int turn = 0; turn < 3; ++turn) {
        if (over()) break;
        Result<void> written;
        if (!exit && exit.error().detail("claim") == "lost") {
            if (take_end()) {
                core_.measures.fenced.add();
                finish("fenced");
            }
            break;
        }
        if (!exit && is_wait(exit.error())) {
            const auto code = exit.error().code();
            auto waiting =
                wait_again(run, code == Errc::busy ? "RESOURCE_BUSY" : "WAITING", exit.error().message(), code);
            written = co_await std::move(waiting);
        } else if (!exit) {
            auto failing = fail(run, exit.error());
            written = co_await std::move(failing);
        } else if (*exit == Exit::resource_busy || *exit == Exit::state_changed) {
            const bool busy = *exit == Exit::resource_busy;
            auto waiting = wait_again(run, std::string(to_string(*exit)),
                                      busy ? "another process holds its resource" : "the state of its resource changed",
                                      busy ? Errc::busy : Errc::conflict);
            written = co_await std::move(waiting);
        } else {
            auto ending = end(run, *exit);
            written = co_await std::move(ending);
        }
        if (written) break;
        const auto& error = written.error();
        const bool about_resource =
            run && run->wants_done() && exit && *exit == Exit::done && refused_operation(error) == std::size_t{1};
        if (about_resource && (error.code() == Errc::conflict || error.code() == Errc::not_found)) {
            auto looking = run->look_again();
            exit = co_await std::move(looking);
            if (exit && *exit == Exit::delegate) {
                auto going_on = run->carry_out();
                exit = co_await std::move(going_on);
            }
            continue;
        }
        if (error.code() == Errc::cancelled) break;
        // Another took it over or ended it; or what should be written cannot be, and is said in the log.
        if (take_end()) {
            const bool lost = error.code() == Errc::conflict || error.code() == Errc::not_found;
            if (lost) core_.measures.fenced.add();
            else
                core_.log.error("the end of a process cannot be written; it will be tried again",
                                {{"process", claim_.process}, {"id", claim_.id}, {"error", error.message()}});
            finish(lost ? "fenced" : "unwritten");
        }
    }
    if (abandoned_.load()) core_.measures.abandoned.add(-1);
    // Cancelled without an end: whoever cancelled it decides; a stopping group decides nothing, the row is found later.
    if (take_end()) finish("stopped");
}

/// The operations: the record's end first, then the resource's done state, then history.
Async<Result<void>> Attempt::end(std::shared_ptr<Run> run, Exit exit) {
    Update row;
    row.type = "processInstance";
    row.id = claim_.id;
    row.values = {{"endTime", core_.now()},
                  {"exitReason", to_string(exit)},
                  {"result", exit == Exit::canceled ? "CANCELED" : "SUCCESS"},
                  {"phase", phase::kDone},
                  {"runningProcessServerId", Value()},
                  {"nextRunTime", Value()},
                  {"queue", Value()},
                  {"reason", Value()}};
    row.expect = {{"epoch", Value(claim_.epoch)}};
    if (exit == Exit::canceled)
        row.values.back().second = Value("the state of its resource does not allow it any more");
    if (auto text = to_text(run->data()); text != saved_data)
        row.values.emplace_back("data", Term(Value(std::move(text))));
    Batch batch;
    batch.operations.emplace_back(std::move(row));
    const bool done = exit == Exit::done && run->wants_done();
    if (done) batch.operations.emplace_back(run->done_update());
    auto executions = run->history().take();
    batch.operations.emplace_back(History::row(core_, claim_.id, executions));
    auto writing = write(std::move(batch));
    auto written = co_await std::move(writing);
    if (!written) co_return written.error();
    if (done) core_.outbox.changed(run->type(), run->resource_id());
    if (take_end()) finish(exit == Exit::done ? "done" : exit == Exit::already_done ? "already_done" : "canceled");
    co_return ok;
}

Async<Result<void>> Attempt::wait_again(std::shared_ptr<Run> run, std::string exit_reason, std::string reason,
                                        Errc why) {
    const bool lock = why == Errc::busy;
    const auto pause = lock                     ? after(kShortWait, 2s, claim_.waits)
                       : why == Errc::exhausted ? after(2s, kLongestTurn, claim_.waits)
                                                : after(500ms, kLongestWait, claim_.waits);
    const auto next = core_.now() + pause;
    Update row;
    row.type = "processInstance";
    row.id = claim_.id;
    row.values = {{"nextRunTime", next},
                  {"runningProcessServerId", Value()},
                  {"waits", claim_.waits + 1},
                  {"exitReason", exit_reason},
                  {"reason", shortened(reason)}};
    row.expect = {{"epoch", Value(claim_.epoch)}};
    if (run)
        if (auto text = to_text(run->data()); text != saved_data)
            row.values.emplace_back("data", Term(Value(std::move(text))));
    Batch batch;
    batch.operations.emplace_back(std::move(row));
    auto writing = write(std::move(batch));
    auto written = co_await std::move(writing);
    if (!written) co_return written.error();
    if (!take_end()) co_return ok;
    finish(exit_reason == "RESOURCE_BUSY" ? "busy" : "waits");
    if (lock) core_.dispatcher->wait_for_resource(claim_.type + "." + std::to_string(claim_.resource), claim_.id);
    core_.dispatcher->due_at(next);
    co_return ok;
}

Async<Result<void>> Attempt::fail(std::shared_ptr<Run> run, Error error) {
    const auto most = core_.settings.integer("process.retry.attempts", 10);
    const auto attempts = claim_.attempts + 1;
    const bool park = attempts >= most || error.code() == Errc::unsupported;
    const auto next = core_.now() + after(core_.settings.duration("process.retry.initial", 1s),
                                          core_.settings.duration("process.retry.max", 5min), attempts - 1);
    Update row;
    row.type = "processInstance";
    row.id = claim_.id;
    row.values = {{"attempts", attempts},
                  {"runningProcessServerId", Value()},
                  {"exitReason", error.code() == Errc::timeout ? "TIMEOUT" : "UNKNOWN_EXCEPTION"},
                  {"reason", shortened(error.describe())},
                  {"parked", park},
                  {"nextRunTime", park ? Value() : Value(next)}};
    row.expect = {{"epoch", Value(claim_.epoch)}};
    Batch batch;
    if (run)
        if (auto text = to_text(run->data()); text != saved_data)
            row.values.emplace_back("data", Term(Value(std::move(text))));
    batch.operations.emplace_back(std::move(row));
    if (run) batch.operations.emplace_back(History::row(core_, claim_.id, run->history().take()));
    auto writing = write(std::move(batch));
    auto written = co_await std::move(writing);
    if (!written) co_return written.error();
    if (!take_end()) co_return ok;
    if (park)
        core_.log.warning("a process is parked: it failed too often",
                          {{"process", claim_.process}, {"id", claim_.id}, {"reason", error.message()}});
    finish(park ? "parked" : "failed");
    if (!park) core_.dispatcher->due_at(next);
    co_return ok;
}

void Attempt::give_up() {
    if (!take_end()) return;
    core_.measures.abandoned.add(1);
    abandoned_.store(true);
    {
        const std::lock_guard lock(mutex_);
        handle_.cancel();
    }
    const auto self = shared_from_this();
    core_.background.spawn("engine.give-up", [self]() -> Async<void> {
        auto recording = self->record_given_up();
        co_await std::move(recording);
    });
}

/// Raises the epoch, so that nothing which the logic still does has an effect.
Async<void> Attempt::record_given_up() {
    const auto most = core_.settings.integer("process.retry.attempts", 10);
    const auto attempts = claim_.attempts + 1;
    const bool park = attempts >= most;
    const auto next = core_.now() + after(core_.settings.duration("process.retry.initial", 1s),
                                          core_.settings.duration("process.retry.max", 5min), attempts - 1);
    const auto waiting = waits();
    const auto reason = "it took longer than process.attempt.timeout, waiting for " + waiting.sentence;
    Update row;
    row.type = "processInstance";
    row.id = claim_.id;
    row.values = {{"attempts", attempts},
                  {"epoch", claim_.epoch + 1},
                  {"runningProcessServerId", Value()},
                  {"exitReason", "TIMEOUT"},
                  {"reason", shortened(reason)},
                  {"parked", park},
                  {"nextRunTime", park ? Value() : Value(next)}};
    // Its end may have been written at the same moment: then nobody runs it any more.
    row.expect = {{"epoch", Value(claim_.epoch)}, {"runningProcessServerId", Value(core_.server)}};
    Batch batch;
    batch.operations.emplace_back(std::move(row));
    json::array executions;
    executions.push_back(json::object{{"id", new_uuid()},
                                      {"startTime", nullptr},
                                      {"stopTime", core_.now()},
                                      {"processName", claim_.process},
                                      {"processingServerId", core_.server},
                                      {"resourceType", claim_.type},
                                      {"resourceId", claim_.resource},
                                      {"processId", claim_.id},
                                      {"exception", reason},
                                      {"exitReason", "TIMEOUT"}});
    batch.operations.emplace_back(History::row(core_, claim_.id, std::move(executions)));
    auto writing = write(std::move(batch));
    const auto written = co_await std::move(writing);
    finish(park ? "parked" : "failed");
    if (written && !park) core_.dispatcher->due_at(next);
}

void Attempt::cancelled() {
    if (!take_end()) return;
    {
        const std::lock_guard lock(mutex_);
        handle_.cancel();
    }
    finish("canceled");
}

std::optional<Update> Attempt::hand_back() {
    if (!take_end()) return std::nullopt;
    {
        const std::lock_guard lock(mutex_);
        handle_.cancel();
    }
    Update row;
    row.type = "processInstance";
    row.id = claim_.id;
    row.values = {{"queue", claim_.slot}, {"epoch", claim_.epoch + 1}, {"runningProcessServerId", Value()}};
    row.expect = {{"epoch", Value(claim_.epoch)}, {"runningProcessServerId", Value(core_.server)}};
    return row;
}

void Attempt::progress(const std::string& type, std::int64_t id, json::object changes) {
    {
        const std::lock_guard lock(mutex_);
        progress_ = Progress{type, id, std::move(changes)};
        if (telling_) return;
        telling_ = true;
    }
    const auto self = shared_from_this();
    core_.background.spawn("engine.progress", [self]() -> Async<void> {
        auto telling = self->tell_progress();
        co_await std::move(telling);
    });
}

Async<void> Attempt::tell_progress() {
    const auto self = shared_from_this();
    constexpr auto kBetween = std::chrono::milliseconds(200);
    for (;;) {
        Progress next;
        {
            const std::lock_guard lock(mutex_);
            if (!progress_ || over()) {
                telling_ = false;
                co_return;
            }
            next = std::move(*progress_);
            progress_.reset();
        }
        std::vector<Operation> fences;
        fences.emplace_back(fence());
        auto merging = merge(core_, next.type, next.id, std::move(next.changes), std::move(fences), core_.soon());
        (void)co_await std::move(merging);
        const auto slept = co_await sleep_for(core_.clock, kBetween);
        if (!slept) co_return;
    }
}

}  // namespace drover::engine
