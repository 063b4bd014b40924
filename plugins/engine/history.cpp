#include "history.hpp"

#include <boost/json/serialize.hpp>

namespace drover::engine {

namespace json = boost::json;

namespace {

constexpr std::size_t kLongestLog = 60'000;  // of the 65,535 bytes of the column

void without_values(json::array& executions) {
    for (auto& execution : executions) {
        auto* pieces = execution.get_object().if_contains("processHandlerExecutions");
        if (!pieces || !pieces->is_array()) continue;
        for (auto& piece : pieces->get_array()) {
            auto& fields = piece.get_object();
            fields["resourceValueBefore"] = nullptr;
            fields["resourceValueAfter"] = nullptr;
            if (auto* children = fields.if_contains("children"); children && children->is_array())
                without_values(children->get_array());
        }
    }
}

}  // namespace

void History::begin(const ProcessDefinition& process, std::int64_t resource, std::int64_t process_id) {
    now_.emplace();
    now_->process = &process;
    now_->resource = resource;
    now_->process_id = process_id;
    now_->start = core_.now();
}

void History::lock_wanted() { now_->lock_start = core_.now(); }

void History::lock_taken(bool taken) {
    now_->lock_end = core_.now();
    now_->locked = taken;
}

void History::transition(const std::string& field, std::string_view from, const std::string& to) {
    now_->transitions.push_back(json::object{{"field", field}, {"from", from}, {"to", to}, {"time", core_.now()}});
}

void History::logic_begun(const PiecePtr& piece, const Record& before) {
    logic_.emplace();
    logic_->piece = piece;
    logic_->start = core_.now();
    logic_->before = before;
}

json::object History::piece_json() {
    return {{"name", logic_->piece->info.name},
            {"startTime", logic_->start},
            {"stopTime", core_.now()},
            {"exception", nullptr},
            {"shouldContinue", false},
            {"shouldDelegate", false},
            {"resultData", nullptr},
            {"resourceValueBefore", to_event_object(logic_->before)},
            {"resourceValueAfter", nullptr},
            {"missingRequiredFields", json::array{}},
            {"children", std::move(logic_->children)}};
}

void History::logic_ended(const json::object* result, bool go_on, bool delegate, const Record& after) {
    auto told = piece_json();
    told["shouldContinue"] = go_on;
    told["shouldDelegate"] = delegate;
    if (result) told["resultData"] = *result;
    told["resourceValueAfter"] = to_event_object(after);
    now_->logic.push_back(std::move(told));
    logic_.reset();
}

void History::logic_failed(const Error& error) {
    auto told = piece_json();
    told["exception"] = error.describe();
    now_->logic.push_back(std::move(told));
    logic_.reset();
}

void History::child(json::array executions) {
    if (!logic_) return;
    for (auto& execution : executions) logic_->children.push_back(std::move(execution));
}

void History::end(std::string_view exit_reason) {
    if (!now_) return;
    const auto& it = *now_;
    const auto at = core_.now();
    const auto lock = it.process->resource_type + "." + std::to_string(it.resource) + ".CHANGE";
    const auto or_null = [](bool known, std::int64_t number) {
        return known ? json::value(number) : json::value(nullptr);
    };
    const bool refused = it.lock_end != 0 && !it.locked;
    json::object told{{"id", new_uuid()},
                      {"startTime", it.start},
                      {"stopTime", at},
                      {"processName", it.process->name},
                      {"processLock", lock},
                      {"lockAcquireStart", or_null(it.lock_start != 0, it.lock_start)},
                      {"lockAcquired", or_null(it.locked, it.lock_end)},
                      {"lockAcquireEnd", or_null(it.lock_end != 0, it.lock_end)},
                      {"lockAcquireFailed", or_null(refused, it.lock_end)},
                      {"failedToAcquireLock", refused ? json::value(lock) : json::value(nullptr)},
                      {"lockHoldTime", or_null(it.locked, at - it.lock_end)},
                      {"processingServerId", core_.server},
                      {"resourceType", it.process->resource_type},
                      {"resourceId", it.resource},
                      {"processId", it.process_id},
                      {"exception", it.exception.empty() ? json::value(nullptr) : json::value(it.exception)},
                      {"exitReason", exit_reason},
                      {"transitions", std::move(now_->transitions)},
                      {"processHandlerExecutions", std::move(now_->logic)}};
    now_.reset();
    executions_.push_back(std::move(told));
}

void History::end(std::string_view exit_reason, const Error& error) {
    if (!now_) return;
    if (logic_) logic_failed(error);
    now_->exception = error.describe();
    end(exit_reason);
}

json::array History::take() { return std::exchange(executions_, {}); }

Create History::row(Core& core, std::int64_t process_id, json::array executions) {
    const auto uuid = new_uuid();
    json::object log{{"uuid", uuid}, {"executions", std::move(executions)}};
    auto text = json::serialize(log);
    if (text.size() > kLongestLog) {
        without_values(log["executions"].get_array());
        log["cut"] = "the resource's values are left out: the log is longer than " + std::to_string(kLongestLog);
        text = json::serialize(log);
    }
    if (text.size() > kLongestLog) {
        log["executions"] = json::array{};
        log["cut"] = "the executions are left out: the log is longer than " + std::to_string(kLongestLog);
        text = json::serialize(log);
    }
    Create create;
    create.type = "processExecution";
    create.values = {
        {"uuid", uuid}, {"processInstanceId", process_id}, {"log", std::move(text)}, {"created", core.now()}};
    return create;
}

}  // namespace drover::engine
