#include "pings.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

#include "drover/model/model.hpp"
#include "drover/services/store.hpp"

namespace drover::roles {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr Duration kInterval = 5s;
constexpr Duration kShortestInterval = 50ms;
constexpr Duration kSlot = 20ms;
constexpr int kTries = 3;
constexpr auto kReadWithin = 10s;
constexpr auto kScheduleWithin = 5s;
constexpr std::size_t kPage = 1'000;

/// Where in [0, 1) an agent's turn is: the same with every round, and even over ids that follow each other.
double share_of(std::int64_t agent) {
    auto mixed = static_cast<std::uint64_t>(agent) * 0x9E37'79B9'7F4A'7C15U;
    mixed ^= mixed >> 32;
    return static_cast<double>(mixed & 0xFFFF'FFFFU) / 4'294'967'296.0;
}

}  // namespace

Pings::Pings(Context& context, Fleet& fleet, GroupOwner& groups)
    : context_(context),
      fleet_(fleet),
      groups_(groups),
      engine_(context.get<Engine>()),
      clock_(context.clock()),
      log_(context.log()),
      tasks_(context.executor()),
      failed_(context.metrics().counter("drover_agent_pings_failed_total", "Pings that an agent did not answer.")),
      answered_(context.metrics().counter("drover_agent_pings_answered_total", "Pings that an agent answered.")),
      models_(context.extensions<ModelExtension>()) {}

Pings::~Pings() { tasks_.cancel(); }

void Pings::start() {
    tasks_.spawn("agents.pings", [this] { return run(); });
}

Async<Result<void>> Pings::stop(Deadline deadline) {
    tasks_.cancel();
    co_return co_await tasks_.ended(clock_, deadline);
}

std::int64_t Pings::setting(std::string_view key, std::int64_t otherwise) const {
    const auto text = engine_.setting(std::string(key));
    std::int64_t number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool good = read.ec == std::errc() && read.ptr == text.data() + text.size() && number > 0;
    return good ? number : otherwise;
}

std::optional<Duration> Pings::interval() const {
    const auto text = engine_.setting("task.agent.ping.schedule");
    if (text.empty()) return std::nullopt;
    double seconds = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
    const bool good =
        read.ec == std::errc() && read.ptr == text.data() + text.size() && seconds > 0 && seconds < 86'400;
    if (!good) return kInterval;
    return std::max(kShortestInterval, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

Async<void> Pings::run() {
    for (;;) {
        const auto begun = clock_.now();
        const auto wanted = interval();
        if (!wanted) {
            auto slept = co_await sleep_for(clock_, kInterval);
            if (!slept) co_return;
            continue;
        }
        const auto round = *wanted;
        auto due = co_await turns(round);
        if (!due) {
            if (due.error().code() == Errc::cancelled) co_return;
            log_.warning("agents could not be read for their pings", {{"why", due.error().message()}});
        } else {
            std::vector<std::int64_t> active;
            for (const auto& turn : *due) active.push_back(turn.agent.id);
            std::sort(active.begin(), active.end());
            for (auto& turn : *due) {
                if (begun + turn.offset > clock_.now() + kSlot) {
                    auto slept = co_await sleep_until(clock_, Deadline(begun + turn.offset));
                    if (!slept) co_return;
                }
                tasks_.spawn("agents.ping",
                             [this, begun, agent = std::move(turn.agent)] { return ping(agent, begun); });
            }
            auto forgotten = co_await fleet_.forget_others(std::move(active));
            if (!forgotten && forgotten.error().code() == Errc::cancelled) co_return;
        }
        auto slept = co_await sleep_until(clock_, Deadline(std::max(begun + round, clock_.now() + kShortestInterval)));
        if (!slept) co_return;
    }
}

Async<Result<std::vector<Pings::Turn>>> Pings::turns(Duration round) {
    std::vector<Turn> due;
    Query query;
    query.type = "agent";
    query.where.push_back({Condition{"state", Op::eq, {Value("active")}}});
    query.where.push_back({Condition{"removed", Op::is_null, {}}});
    query.sort.push_back({"id", false});
    query.limit = kPage;
    auto& store = context_.get<Store>();
    for (;;) {
        auto reading = store.query(query, Consistency::primary(), Deadline::in(clock_, kReadWithin));
        auto page = co_await std::move(reading);
        if (!page) co_return page.error();
        for (const auto& found : page->rows) {
            auto agent = AgentRow::of(found.record);
            const auto owned = co_await groups_.owns(agent.group);
            if (!owned) co_return owned.error();
            if (!*owned) continue;
            Turn turn;
            turn.offset = std::chrono::duration_cast<Duration>(round * share_of(agent.target.id));
            turn.agent = std::move(agent.target);
            due.push_back(std::move(turn));
        }
        if (!page->more) break;
        query.cursor = page->next;
    }
    std::sort(due.begin(), due.end(), [](const Turn& one, const Turn& other) { return one.offset < other.offset; });
    co_return due;
}

Async<Result<Event>> Pings::ask(AgentTarget agent, TimePoint known_at, bool stats, bool resources) {
    Event event;
    event.id = new_uuid();
    event.name = "ping";
    event.reply_to = "ping.reply";
    event.resource_type = "agent";
    event.resource_id = std::to_string(agent.id);
    event.time = clock_.wall();
    event.data = json::object{{"options", json::object{{"stats", stats}, {"resources", resources}}},
                              {"resources", json::array{}}};
    const auto timeout = std::chrono::seconds(setting("agent.ping.timeout.seconds", 5));
    event.timeout_millis = std::chrono::milliseconds(timeout).count();
    const auto until = Deadline::in(clock_, timeout * kTries);
    Result<Event> reply = Error(Errc::timeout, "the ping was not sent");
    for (int tried = 0; tried < kTries; ++tried) {
        const auto next = Deadline::in(clock_, timeout).earlier(until);
        auto calling = fleet_.call(agent, known_at, event, timeout, {});
        reply = co_await std::move(calling);
        if (reply || reply.error().code() == Errc::cancelled || reply.error().code() == Errc::invalid) break;
        if (reply.error().code() == Errc::timeout || tried + 1 == kTries) continue;
        auto slept = co_await sleep_until(clock_, next);  // it said at once that it cannot: not three times at once
        if (!slept) co_return slept.error();
    }
    co_return reply;
}

Async<void> Pings::ping(AgentTarget agent, TimePoint known_at) {
    PingRecord record;
    if (!fleet_.begin_ping(agent, record)) co_return;
    struct Leave {
        Fleet& fleet;
        std::int64_t agent;
        const PingRecord& record;
        ~Leave() { fleet.end_ping(agent, record); }
    };
    const auto id = agent.id;
    const Leave leave{fleet_, id, record};
    const auto of_round = [&](std::string_view key, std::int64_t every) {
        const auto rounds = static_cast<std::uint64_t>(setting(key, every));
        return record.count == 0 || (record.count + static_cast<std::uint64_t>(id)) % rounds == 0;
    };
    const bool stats = of_round("agent.ping.stats.every", 60);
    const bool resources = of_round("agent.ping.resources.every", 15);
    ++record.count;
    auto asking = ask(std::move(agent), known_at, stats, resources);
    auto reply = co_await std::move(asking);
    if (reply && reply->transitioning != Transitioning::error) {
        answered_.add();
        record.failed = 0;
        auto reporting = report(id, std::move(*reply), &record);
        const auto reported = co_await std::move(reporting);
        if (!reported && reported.error().code() != Errc::cancelled)
            log_.warning("what an agent reported was not taken", {{"agent", id}, {"why", reported.error().message()}});
        co_return;
    }
    if (!reply && reply.error().code() == Errc::cancelled) co_return;
    failed_.add();
    ++record.failed;
    log_.debug("an agent did not answer its ping", {{"agent", id}, {"failed", record.failed}});
    if (record.failed < setting("agent.ping.reconnect.after.failed.count", 6)) co_return;
    record.failed = 0;
    const auto scheduled = co_await reconnect(id);
    // A conflict: it is not active any more, so somebody else sees to it.
    if (!scheduled && scheduled.error().code() != Errc::conflict && scheduled.error().code() != Errc::cancelled)
        log_.warning("an agent that does not answer could not be reconnected",
                     {{"agent", id}, {"why", scheduled.error().message()}});
}

Async<Result<void>> Pings::report(std::int64_t agent, Event reply, PingRecord* record) {
    const auto* found = reply.data.is_object() ? reply.data.get_object().if_contains("resources") : nullptr;
    if (!found || !found->is_array() || found->get_array().empty()) co_return ok;
    const auto hash = std::hash<std::string>{}(json::serialize(*found));
    if (hash == record->reported && clock_.now() < record->report_again) co_return ok;
    for (const auto& model : models_) {
        AgentReport told;
        told.agent_id = agent;
        told.resources = found->get_array();
        told.hands.engine = &engine_;
        told.hands.store = &context_.get<Store>();
        auto telling = model.object->agent_reported(std::move(told));
        auto taken = co_await std::move(telling);
        if (!taken) co_return taken.error().in(model.instance);
    }
    record->reported = hash;
    record->report_again =
        clock_.now() + std::chrono::seconds(setting("agent.resource.monitor.cache.resource.seconds", 300));
    co_return ok;
}

Async<Result<void>> Pings::reconnect(std::int64_t agent) {
    ProcessRequest request;
    request.process = "agent.reconnect";
    request.resource_id = agent;
    auto scheduling = engine_.schedule(std::move(request), Deadline::in(clock_, kScheduleWithin));
    auto scheduled = co_await std::move(scheduling);
    if (!scheduled) co_return scheduled.error();
    log_.warning("an agent does not answer and is reconnected", {{"agent", agent}});
    co_return ok;
}

}  // namespace drover::roles
