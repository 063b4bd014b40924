#include "external_handlers.hpp"

#include "drover/json.hpp"

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr auto kFresh = std::chrono::seconds(1);
constexpr std::string_view kHandler = "externalHandler";
constexpr std::string_view kProcess = "externalHandlerProcess";
constexpr std::string_view kMap = "externalHandlerExternalHandlerProcessMap";

Query active(std::string_view type) {
    Query query;
    query.type = std::string(type);
    query.where.push_back({{"state", Op::eq, {Value("active")}}});
    query.limit = kLargestPage;
    return query;
}

int priority_of_name(std::string_view name) {
    if (name == "pre") return kPriorityPre;
    if (name == "default") return kPriorityDefault;
    if (name == "default_override") return kPriorityDefaultOverride;
    return kPrioritySpecific;
}

std::optional<std::int64_t> whole(const json::value& value) {
    if (value.is_int64()) return value.get_int64();
    if (value.is_string()) {
        const auto parsed = parse_json(value.get_string());
        if (parsed && parsed->is_int64()) return parsed->get_int64();
    }
    return std::nullopt;
}

}  // namespace

Externals::List Externals::merged(const Lists& builtin, const std::string& process, LogicPhase phase) const {
    std::shared_ptr<const Snapshot> now;
    {
        const std::lock_guard lock(mutex_);
        now = snapshot_;
    }
    const auto found = now->by_process.find(process);
    const auto* more = found == now->by_process.end() ? nullptr : &found->second.of(phase);
    // Built-in logic lives as long as the engine: nothing is owned or copied.
    if (!more || more->empty()) return {List(), &builtin.of(phase)};
    auto all = std::make_shared<std::vector<PiecePtr>>(builtin.of(phase));
    all->insert(all->end(), more->begin(), more->end());
    sort_pieces(*all);
    return all;
}

PiecePtr Externals::piece(const Record& handler, const std::string& registered, LogicPhase phase) const {
    const auto name = std::string(handler["name"].text());
    auto made = std::make_shared<Piece>();
    made->info.name = name;
    made->info.phase = phase;
    made->info.plugin = "external";
    const auto by_name = virtual_field(handler, "priorityName");
    made->info.priority = !handler["priority"].is_null()
                              ? static_cast<int>(handler["priority"].integer())
                              : priority_of_name(by_name.is_string() ? std::string_view(by_name.get_string()) : "");
    const auto event_name = registered + ";handler=" + name;
    const auto retries = whole(virtual_field(handler, "retries"));
    const auto timeout = whole(virtual_field(handler, "timeoutMillis"));
    made->info.properties = {{"eventName", event_name}, {"priority", std::to_string(made->info.priority)}};
    if (retries) made->info.properties["retry"] = std::to_string(*retries);
    if (timeout) made->info.properties["timeoutMillis"] = std::to_string(*timeout);
    made->call = [&core = core_, event_name, retries, timeout](ProcessRunPtr run) -> Async<Result<LogicResult>> {
        return [](Core& with, std::string event, std::optional<std::int64_t> tries, std::optional<std::int64_t> wait,
                  ProcessRunPtr of) -> Async<Result<LogicResult>> {
            RequestOptions options;
            options.retries = static_cast<int>(tries ? *tries : with.settings.integer("eventing.retry", 3));
            options.timeout =
                std::chrono::milliseconds(wait ? *wait : with.settings.integer("eventing.timeout.millis", 15'000));
            Event asked;
            asked.name = std::move(event);
            auto asking = of->request(std::move(asked), std::move(options));
            auto reply = co_await std::move(asking);
            if (!reply) co_return reply.error();
            LogicResult result;
            if (reply->data.is_object()) result.data = reply->data.get_object();
            // What is outside goes before the built-in logic, never in its place.
            result.go_on = true;
            co_return result;
        }(core, event_name, retries, timeout, std::move(run));
    };
    return made;
}

Async<Result<void>> Externals::read() {
    auto reading = core_.query(active(kHandler), core_.soon());
    auto handlers = co_await std::move(reading);
    if (!handlers) co_return handlers.error();
    auto fresh = std::make_shared<Snapshot>();
    if (!handlers->rows.empty()) {
        auto reading_maps = core_.query(active(kMap), core_.soon());
        auto maps = co_await std::move(reading_maps);
        if (!maps) co_return maps.error();
        auto reading_names = core_.query(active(kProcess), core_.soon());
        auto names = co_await std::move(reading_names);
        if (!names) co_return names.error();
        std::map<std::int64_t, const Record*> by_id;
        for (const auto& row : handlers->rows) by_id[row.record.id()] = &row.record;
        std::map<std::int64_t, std::string> name_of;
        for (const auto& row : names->rows) name_of[row.record.id()] = std::string(row.record["name"].text());
        for (const auto& row : maps->rows) {
            const auto handler = by_id.find(row.record["externalHandlerId"].integer());
            const auto name = name_of.find(row.record["externalHandlerProcessId"].integer());
            if (handler == by_id.end() || name == name_of.end()) continue;
            auto process = name->second;
            auto phase = LogicPhase::handler;
            if (process.starts_with("pre.")) phase = LogicPhase::pre;
            if (process.starts_with("post.")) phase = LogicPhase::post;
            if (phase != LogicPhase::handler) process = process.substr(process.find('.') + 1);
            fresh->by_process[process].of(phase).push_back(piece(*handler->second, name->second, phase));
        }
    }
    const std::lock_guard lock(mutex_);
    snapshot_ = std::move(fresh);
    co_return ok;
}

Async<void> Externals::run() {
    for (;;) {
        auto reading = read();
        const auto did = co_await std::move(reading);
        if (!did && did.error().code() == Errc::cancelled) co_return;
        const auto rang = co_await bell_.wait(core_.clock, Deadline::in(core_.clock, kFresh));
        if (!rang) co_return;
    }
}

}  // namespace drover::engine
