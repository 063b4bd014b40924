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

void History::begin(const std::string& process, const std::string& type, std::int64_t resource,
                    std::int64_t process_id) {
    open_ = true;
    now_ = {{"id", new_uuid()},
            {"startTime", core_.now()},
            {"stopTime", nullptr},
            {"processName", process},
            {"processLock", nullptr},
            {"lockAcquireStart", nullptr},
            {"lockAcquired", nullptr},
            {"lockAcquireEnd", nullptr},
            {"lockAcquireFailed", nullptr},
            {"failedToAcquireLock", nullptr},
            {"lockHoldTime", nullptr},
            {"processingServerId", core_.server},
            {"resourceType", type},
            {"resourceId", resource},
            {"processId", process_id},
            {"exception", nullptr},
            {"exitReason", nullptr}};
}

void History::lock_wanted(const std::string& name) {
    now_["processLock"] = name;
    now_["lockAcquireStart"] = core_.now();
}

void History::lock_taken(bool taken) {
    const auto at = core_.now();
    now_["lockAcquireEnd"] = at;
    if (taken) {
        now_["lockAcquired"] = at;
    } else {
        now_["lockAcquireFailed"] = at;
        now_["failedToAcquireLock"] = now_["processLock"];
    }
}

void History::transition(std::string_view field, std::string_view from, std::string_view to) {
    transitions_.push_back(json::object{{"field", field}, {"from", from}, {"to", to}, {"time", core_.now()}});
}

void History::logic_begun(const std::string& name, const Record& before) {
    in_piece_ = true;
    children_.clear();
    piece_ = {{"name", name},
              {"startTime", core_.now()},
              {"stopTime", nullptr},
              {"exception", nullptr},
              {"shouldContinue", false},
              {"shouldDelegate", false},
              {"resultData", nullptr},
              {"resourceValueBefore", to_event_object(before)},
              {"resourceValueAfter", nullptr},
              {"missingRequiredFields", json::array{}}};
}

void History::logic_ended(const json::object* result, bool go_on, bool delegate, const Record& after) {
    piece_["stopTime"] = core_.now();
    piece_["shouldContinue"] = go_on;
    piece_["shouldDelegate"] = delegate;
    if (result) piece_["resultData"] = *result;
    piece_["resourceValueAfter"] = to_event_object(after);
    piece_["children"] = std::move(children_);
    children_ = {};
    logic_.push_back(std::move(piece_));
    piece_ = {};
    in_piece_ = false;
}

void History::logic_failed(const Error& error) {
    piece_["stopTime"] = core_.now();
    piece_["exception"] = error.describe();
    piece_["children"] = std::move(children_);
    children_ = {};
    logic_.push_back(std::move(piece_));
    piece_ = {};
    in_piece_ = false;
}

void History::child(json::array executions) {
    if (!in_piece_) return;
    for (auto& execution : executions) children_.push_back(std::move(execution));
}

void History::end(std::string_view exit_reason) {
    if (!open_) return;
    open_ = false;
    const auto at = core_.now();
    now_["stopTime"] = at;
    now_["exitReason"] = exit_reason;
    if (const auto* acquired = now_["lockAcquired"].if_int64()) now_["lockHoldTime"] = at - *acquired;
    now_["transitions"] = std::move(transitions_);
    now_["processHandlerExecutions"] = std::move(logic_);
    transitions_ = {};
    logic_ = {};
    executions_.push_back(std::move(now_));
    now_ = {};
}

void History::end(std::string_view exit_reason, const Error& error) {
    if (in_piece_) logic_failed(error);
    if (open_) now_["exception"] = error.describe();
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
    create.values = {{"uuid", uuid}, {"processInstanceId", process_id}, {"log", std::move(text)}, {"created", core.now()}};
    return create;
}

}  // namespace drover::engine
