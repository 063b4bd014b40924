#include "tasks.hpp"

#include <charconv>

#include "dispatch.hpp"
#include "roster.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestException = 255;

std::string cut(std::string text, std::size_t longest) {
    if (text.size() <= longest) return text;
    text.resize(longest);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
    return text;
}

std::string lock_of(const std::string& task) { return "TASK." + task; }

}  // namespace

Tasks::Tasks(Core& core, std::vector<PeriodicTask> tasks) : core_(core) {
    for (auto& does : tasks) {
        auto task = std::make_unique<Task>();
        task->does = std::move(does);
        tasks_.push_back(std::move(task));
    }
}

Tasks::Task* Tasks::find(std::string_view name) {
    for (const auto& task : tasks_)
        if (task->does.name == name) return task.get();
    return nullptr;
}

bool Tasks::serving() const {
    const std::lock_guard lock(mutex_);
    return serving_;
}

void Tasks::serve(bool serving) {
    const std::lock_guard lock(mutex_);
    serving_ = serving;
}

Async<Result<void>> Tasks::register_rows() {
    for (const auto& task : tasks_) {
        for (int attempt = 0; attempt < 2 && task->row == 0; ++attempt) {
            Query query;
            query.type = "task";
            query.where.push_back({{"name", Op::eq, {Value(task->does.name)}}});
            auto reading = core_.query(std::move(query), core_.soon());
            auto page = co_await std::move(reading);
            if (!page) co_return page.error();
            if (!page->rows.empty()) {
                task->row = page->rows.front().record.id();
                break;
            }
            Create create;
            create.type = "task";
            create.values = {{"name", task->does.name}};
            Batch batch;
            batch.operations.emplace_back(std::move(create));
            auto committing = core_.commit(std::move(batch), core_.soon());
            auto committed = co_await std::move(committing);
            if (committed) task->row = committed->changed.front().id;
            else if (committed.error().code() != Errc::conflict) co_return committed.error();
        }
    }
    co_return ok;
}

void Tasks::start() {
    for (const auto& task : tasks_) {
        auto* one = task.get();
        core_.background.spawn("engine.task " + one->does.name, [this, one]() -> Async<void> {
            auto following = follow_schedule(one);
            co_await std::move(following);
        });
    }
}

/// None: not scheduled.
std::optional<std::chrono::milliseconds> Tasks::every(const Task& task) {
    auto seconds = task.does.every_seconds;
    if (const auto set = core_.settings.find("task." + task.does.name + ".schedule")) {
        if (set->find_first_not_of(' ') == std::string::npos) return std::nullopt;
        std::from_chars(set->data(), set->data() + set->size(), seconds);
    }
    if (!(seconds > 0) || seconds > 1e9) return std::nullopt;
    return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1'000));
}

Async<bool> Tasks::leads(Task* task) {
    if (task->does.everywhere) co_return true;
    {
        const std::lock_guard lock(mutex_);
        if (!task->lead.lost()) co_return true;
    }
    auto lease = co_await core_.locks.acquire(lock_of(task->does.name), Deadline(core_.clock.now()));
    if (!lease) co_return false;
    const std::lock_guard lock(mutex_);
    task->lead = std::move(*lease);
    co_return true;
}

Async<void> Tasks::give_up_leads() {
    for (const auto& task : tasks_) {
        Lease lease;
        {
            const std::lock_guard lock(mutex_);
            lease = std::exchange(task->lead, {});
        }
        if (!lease.lost()) (void)co_await core_.locks.release(lease);
    }
}

Async<void> Tasks::follow_schedule(Task* task) {
    constexpr auto kLook = 1'000ms;  // so soon a changed schedule is noticed
    auto last = core_.clock.now();
    bool first = true;
    for (;;) {
        auto delay = every(*task);
        if (delay && first)
            delay = std::min<std::chrono::milliseconds>(
                *delay, std::chrono::seconds(core_.settings.integer("task.initial.delay.seconds", 15)));
        const auto now = core_.clock.now();
        if (!delay || !serving() || now < last + *delay) {
            auto until = now + kLook;
            if (delay && serving()) until = std::min<TimePoint>(until, last + *delay);
            const auto slept = co_await sleep_until(core_.clock, Deadline(until));
            if (!slept) co_return;
            continue;
        }
        first = false;
        auto leading = leads(task);
        if (co_await std::move(leading)) {
            auto running = run_once(task);
            const auto ran = co_await std::move(running);
            if (!ran && ran.error().code() == Errc::cancelled) co_return;
        }
        last = core_.clock.now();
    }
}

Async<Result<void>> Tasks::run_once(Task* task) {
    auto turn = co_await task->turn->acquire(core_.clock, core_.soon());
    if (!turn) co_return turn.error();
    std::int64_t record = 0;
    if (task->does.recorded) {
        Create create;
        create.type = "taskInstance";
        create.values = {
            {"name", task->does.name}, {"taskId", task->row}, {"startTime", core_.now()}, {"serverId", core_.server}};
        Batch batch;
        batch.operations.emplace_back(std::move(create));
        auto committing = core_.commit(std::move(batch), core_.soon());
        auto committed = co_await std::move(committing);
        if (!committed) co_return committed.error();
        record = committed->changed.front().id;
    }
    Result<void> did;
    try {
        auto doing = task->does.call();
        did = co_await std::move(doing);
    } catch (...) {
        did = error_of(std::current_exception());
    }
    if (!did) core_.log.warning("a task failed", {{"task", task->does.name}, {"error", did.error().message()}});
    if (record == 0) co_return did;
    Update update;
    update.type = "taskInstance";
    update.id = record;
    update.values = {{"endTime", core_.now()}};
    if (!did) update.values.emplace_back("exception", Term(Value(cut(did.error().describe(), kLongestException))));
    Batch batch;
    batch.operations.emplace_back(std::move(update));
    auto committing = core_.commit(std::move(batch), core_.soon());
    (void)co_await std::move(committing);
    co_return did;
}

void Tasks::asked(const std::string& name) {
    auto* task = find(name);
    if (!task || !serving()) return;
    core_.background.spawn("engine.task " + name, [this, task]() -> Async<void> {
        auto running = run_once(task);
        (void)co_await std::move(running);
    });
}

Async<Result<void>> Tasks::ask(std::string name) {
    if (!find(name)) co_return Error(Errc::not_found, "there is no task " + name);
    if (serving()) {
        asked(name);
        co_return ok;
    }
    // One server is chosen, so that it is done once.
    const auto owner = core_.roster->owner(slot_of("task", name));
    if (owner.empty()) co_return Error(Errc::unavailable, "no server executes tasks now");
    Event event;
    event.name = "execute.task";
    event.data = json::object{{"name", name}};
    core_.outbox.send(topic_of_server(owner), std::move(event));
    co_return ok;
}

}  // namespace drover::engine
