#include "cli/process_text.hpp"

#include <boost/json.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "cli/columns.hpp"
#include "cli/json_text.hpp"
#include "cli/output.hpp"
#include "cli/text.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;

const json::value* member(const json::value& from, std::string_view name) {
    const auto* object = from.if_object();
    const auto* value = object ? object->if_contains(name) : nullptr;
    return value && !value->is_null() ? value : nullptr;
}

const json::array* list(const json::value& from, std::string_view name) {
    const auto* value = member(from, name);
    return value ? value->if_array() : nullptr;
}

/// A member as text, whatever it is; made safe for a terminal.
std::string shown(const json::value& from, std::string_view name) {
    const auto* value = member(from, name);
    return value ? printable(cell_text(*value)) : std::string();
}

std::string shown_moment(const json::value& from, std::string_view name) {
    const auto* value = member(from, name);
    const auto moment = value ? milliseconds_of(*value) : std::nullopt;
    return moment ? moment_text(*moment) : std::string();
}

/// "" when one of the moments is missing.
std::string shown_span(const json::value& from, std::string_view first, std::string_view last) {
    const auto* begin = member(from, first);
    const auto* end = member(from, last);
    const auto begin_at = begin ? milliseconds_of(*begin) : std::nullopt;
    const auto end_at = end ? milliseconds_of(*end) : std::nullopt;
    return begin_at && end_at ? span_text(*end_at - *begin_at) : std::string();
}

std::string short_json(const json::value& value) { return cut_to_width(printable(compact_json(value)), 160); }

/// The fields in which two states of a resource differ, maps by their members.
void append_changes(std::string& out, const json::value& before, const json::value& after, const std::string& path,
                    const std::string& indent) {
    const auto* old_state = before.if_object();
    const auto* new_state = after.if_object();
    if (!old_state || !new_state) {
        if (before != after)
            out += indent + printable(path) + ": " + short_json(before) + " -> " + short_json(after) + "\n";
        return;
    }
    const json::value nothing;
    const auto below = [&](std::string_view name) {
        return path.empty() ? std::string(name) : path + "." + std::string(name);
    };
    for (const auto& [name, value] : *new_state) {
        const auto* old_value = old_state->if_contains(name);
        append_changes(out, old_value ? *old_value : nothing, value, below(name), indent);
    }
    for (const auto& [name, value] : *old_state)
        if (!new_state->contains(name)) append_changes(out, value, nothing, below(name), indent);
}

void append_execution(std::string& out, const json::value& execution, const std::string& indent);

void append_nested(std::string& out, const json::value& from, const std::string& indent) {
    for (const auto* name : {"executions", "children", "childExecutions"})
        if (const auto* nested = list(from, name))
            for (const auto& one : *nested) append_execution(out, one, indent);
}

void append_exception(std::string& out, const json::value& from, const std::string& indent) {
    const auto* value = member(from, "exception");
    if (!value) return;
    std::string text = cell_text(*value);
    // Where it was thrown stands below its first line and helps nobody here.
    if (value->is_object()) text = text_of(*value, "message").empty() ? text : text_of(*value, "message");
    out += indent + "failed: " + printable(text.substr(0, text.find('\n'))) + "\n";
}

void append_handler(std::string& out, const json::value& handler, const std::string& indent) {
    const auto took = shown_span(handler, "startTime", "stopTime");
    out += indent + shown(handler, "name") + (took.empty() ? ", not ended" : ", " + took);
    if (const auto* flag = member(handler, "shouldDelegate"); flag && flag->is_bool() && flag->as_bool())
        out += ", delegates";
    const auto* goes_on = member(handler, "shouldContinue");
    if (goes_on && goes_on->is_bool() && !member(handler, "exception"))
        out += goes_on->as_bool() ? ", goes on" : ", ends the list";
    out += "\n";
    const auto inner = indent + "    ";
    append_exception(out, handler, inner);
    if (const auto* missing = list(handler, "missingRequiredFields"); missing && !missing->empty())
        out += inner + "missing in its result: " + shown(handler, "missingRequiredFields") + "\n";
    if (const auto* result = member(handler, "resultData");
        result && !(result->is_object() && result->as_object().empty()))
        out += inner + "result: " + short_json(*result) + "\n";
    const auto* before = member(handler, "resourceValueBefore");
    const auto* after = member(handler, "resourceValueAfter");
    if (before && after) append_changes(out, *before, *after, "", inner);
    append_nested(out, handler, inner);
}

void append_execution(std::string& out, const json::value& execution, const std::string& indent) {
    const auto began = shown_moment(execution, "startTime");
    const auto took = shown_span(execution, "startTime", "stopTime");
    const auto reason = shown(execution, "exitReason");
    const auto type = shown(execution, "resourceType");
    out += indent + shown(execution, "processName");
    if (!type.empty()) out += " of " + type + " " + formatted_id(type, shown(execution, "resourceId"));
    if (const auto server = shown(execution, "processingServerId"); !server.empty()) out += " on server " + server;
    out += began.empty() ? "" : ", " + began;
    out += took.empty() ? ", not ended" : ", " + took;
    out += reason.empty() ? "\n" : ": " + reason + "\n";
    const auto inner = indent + "    ";
    if (const auto lock = shown(execution, "processLock"); !lock.empty()) {
        const auto waited = shown_span(execution, "lockAcquireStart", "lockAcquired");
        out += inner + "lock " + lock + (waited.empty() ? "" : ", after " + waited);
        if (const auto* held = member(execution, "lockHoldTime"); held && held->is_number())
            out += ", held for " + span_text(held->to_number<std::int64_t>());
        out += "\n";
    }
    if (const auto refused = shown(execution, "failedToAcquireLock"); !refused.empty())
        out += inner + "did not get the lock " + refused + "\n";
    if (const auto* transitions = list(execution, "transitions")) {
        for (const auto& one : *transitions) {
            const auto field = shown(one, "field");
            out += inner + (field.empty() ? "state" : field) + ": " + shown(one, "from") + " -> " + shown(one, "to");
            const auto at = shown_moment(one, "time");
            out += at.empty() ? "\n" : ", " + at + "\n";
        }
    }
    append_exception(out, execution, inner);
    if (const auto* handlers = list(execution, "processHandlerExecutions"))
        for (const auto& one : *handlers) append_handler(out, one, inner);
    append_nested(out, execution, inner);
}

/// What it waits for may be told as a thing ("the lock instance.5.CHANGE") or as a sentence of its own.
std::string as_sentence(std::string said) {
    if (said.empty()) return said;
    for (const auto* thing : {"the ", "its ", "agent ", "a "}) {
        if (!said.starts_with(thing)) continue;
        said = "It waits for " + said;
        break;
    }
    if (said.front() >= 'a' && said.front() <= 'z') said.front() = static_cast<char>(said.front() - 'a' + 'A');
    if (std::string_view(".!?").find(said.back()) == std::string_view::npos) said += '.';
    return said;
}

std::string of_kind(std::string_view kind) {
    if (kind == "lock") return "It waits for a lock that another holds.";
    if (kind == "agent") return "It waits for an agent's reply.";
    if (kind == "limit") return "It waits until fewer processes of its kind run.";
    if (kind == "event") return "It waits for the reply to an event.";
    if (kind == "turn") return "It waits for its turn.";
    if (kind == "logic") return "It is being carried out.";
    if (kind == "retry" || kind == "time") return "It failed and waits for its next attempt.";
    if (kind == "parked" || kind == "operator") return "It is parked: it failed too often and waits for an operator.";
    if (kind == "server") return "It waits for a process server to take it.";
    if (kind == "nothing") return "It waits for nothing.";
    return "";
}

/// Who holds what is waited for: a text, or an object that says more.
std::string holder_text(const json::value& waits) {
    const auto* holder = member(waits, "holder");
    if (!holder) holder = member(waits, "lockHolder");
    if (!holder) return {};
    const auto* object = holder->if_object();
    if (!object) return printable(cell_text(*holder));
    std::string text;
    for (const auto& [name, value] : *object)
        if (!value.is_null())
            text += (text.empty() ? "" : ", ") + printable(std::string_view(name)) + " " + printable(cell_text(value));
    return text;
}

/// "failed once", "failed 3 times"; empty when it did not.
std::string failures_text(const json::value& process) {
    const auto attempts = shown(process, "attempts");
    if (attempts.empty() || attempts == "0") return {};
    return attempts == "1" ? "failed once" : "failed " + attempts + " times";
}

}  // namespace

std::optional<std::int64_t> milliseconds_of(const json::value& moment) {
    if (moment.is_int64()) return moment.as_int64();
    if (moment.is_double()) return static_cast<std::int64_t>(moment.as_double());
    const auto* text = moment.if_string();
    if (!text) return std::nullopt;
    std::tm parts{};
    char* rest = ::strptime(text->c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest) return std::nullopt;
    std::int64_t fraction = 0;
    if (*rest == '.') {
        std::int64_t unit = 100;
        for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) fraction += (*rest - '0') * unit;
    }
    return static_cast<std::int64_t>(::timegm(&parts)) * 1000 + fraction;
}

std::string moment_text(std::int64_t milliseconds) {
    const std::time_t seconds = milliseconds / 1000 - (milliseconds % 1000 < 0 ? 1 : 0);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    const auto fraction = milliseconds - static_cast<std::int64_t>(seconds) * 1000;
    if (fraction == 0) return std::string(text) + "Z";
    char digits[16];
    std::snprintf(digits, sizeof digits, ".%03dZ", static_cast<int>(fraction));
    return std::string(text) + digits;
}

std::string span_text(std::int64_t milliseconds) {
    if (milliseconds < 0) return "0 ms";
    if (milliseconds < 1000) return std::to_string(milliseconds) + " ms";
    const auto tenths = milliseconds / 100;
    if (tenths < 600) return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
    const auto seconds = milliseconds / 1000;
    if (seconds < 3600) return std::to_string(seconds / 60) + " min " + std::to_string(seconds % 60) + " s";
    return std::to_string(seconds / 3600) + " h " + std::to_string(seconds % 3600 / 60) + " min";
}

std::string formatted_id(std::string_view type, std::string_view raw) {
    const bool digits = !raw.empty() && raw.find_first_not_of("0123456789") == std::string_view::npos;
    if (!digits || type.empty()) return std::string(raw);
    auto id = "1" + lower(type.substr(0, 1));
    for (std::size_t i = 1; i < type.size(); ++i)
        if (type[i] >= 'A' && type[i] <= 'Z') id += lower(type.substr(i, 1));
    return id + std::string(raw);
}

std::string resource_of(const json::value& process, const Schemas* schemas) {
    auto type = shown(process, "resourceType");
    if (schemas && !type.empty())
        if (const auto schema = schemas->find(type)) type = (*schema)->id();
    return type + " " + formatted_id(type, shown(process, "resourceId"));
}

bool is_parked(const json::value& process) {
    if (const auto* parked = member(process, "parked"); parked && parked->is_bool()) return parked->as_bool();
    const auto* waits = member(process, "waitsFor");
    const auto kind = waits ? text_of(*waits, "kind") : std::string();
    return kind == "parked" || kind == "operator";
}

std::string reason_text(const json::value& process) {
    std::string text;
    if (const auto* waits = member(process, "waitsFor")) {
        text = shown(*waits, "sentence");
        if (text.empty()) text = shown(*waits, "kind");
    }
    if (text.empty()) text = shown(process, "reason");
    return is_parked(process) ? (text.empty() ? "parked" : "parked: " + text) : text;
}

std::string describe_process(const json::value& process, const json::array& executions, const Schemas* schemas) {
    std::string out = "process " + shown(process, "id") + ": " + shown(process, "processName") + " of " +
                      resource_of(process, schemas) + "\n";
    const auto line = [&](const std::string& text) {
        if (!text.empty()) out += "    " + text + "\n";
    };
    const auto ended = shown_moment(process, "endTime");
    const auto began = shown_moment(process, "startTime");
    if (!began.empty()) line("began " + began);
    if (!ended.empty()) line("ended " + ended + ", after " + shown_span(process, "startTime", "endTime"));
    else line("has not ended; phase " + shown(process, "phase"));
    if (const auto reason = shown(process, "exitReason"); !reason.empty())
        line((ended.empty() ? "last exit reason " : "exit reason ") + reason);
    if (const auto priority = shown(process, "priority"); !priority.empty() && priority != "0")
        line("priority " + priority);
    if (const auto server = shown(process, "runningProcessServerId"); !server.empty()) line("runs on server " + server);
    line(failures_text(process));
    line(reason_text(process));
    if (const auto next = shown_moment(process, "nextRunTime"); !next.empty() && ended.empty())
        line("tried again at " + next);
    if (const auto* data = member(process, "data"); data && data->is_object() && !data->as_object().empty())
        line("data: " + short_json(*data));
    std::size_t number = 0;
    for (const auto& execution : executions) {
        const auto* log = member(execution, "log");
        out += "\nexecution " + std::to_string(++number) + " (" + shown(execution, "id") + ")\n";
        const auto* logged = log ? list(*log, "executions") : nullptr;
        if (!logged || logged->empty()) out += "    nothing was logged\n";
        else
            for (const auto& one : *logged) append_execution(out, one, "    ");
        if (const auto cut = log ? shown(*log, "cut") : ""; !cut.empty()) out += "    " + cut + "\n";
    }
    if (executions.empty()) out += "\nNo execution is recorded: it was not run yet, or its history was cleaned up.\n";
    return out;
}

std::string describe_explanation(const json::value& explanation, std::int64_t now, const Schemas* schemas) {
    const auto id = shown(explanation, "id");
    const auto phase = shown(explanation, "phase");
    std::string out =
        "Process " + id + " is " + shown(explanation, "process") + " of " + resource_of(explanation, schemas);
    if (!phase.empty()) out += ", in phase " + phase;
    if (const auto failures = failures_text(explanation); !failures.empty()) out += ", " + failures;
    const auto* waits = member(explanation, "waitsFor");
    const auto kind = waits ? shown(*waits, "kind") : "nothing";
    const auto runner = shown(explanation, "runningProcessServerId");
    const auto owner = shown(explanation, "owner");
    if (!runner.empty()) out += "; server " + runner + " carries it out";
    else if (!owner.empty() && kind != "nothing") out += "; it is up to server " + owner;
    out += ".\n";
    if (!waits) return out + of_kind(kind) + "\n";
    const auto said = shown(*waits, "sentence");
    out += (said.empty() ? of_kind(kind) : as_sentence(said)) + "\n";
    const auto holder = holder_text(*waits);
    const auto lock = shown(*waits, "lock");
    // Every process that is carried out holds the lock of its resource; that is worth telling to others only.
    const bool of_interest = lock.empty() || kind == "lock";
    if (!holder.empty() && of_interest && said.find(holder) == std::string::npos)
        out += (lock.empty() ? "Held by " : "The lock " + lock + " is held by ") + holder + ".\n";
    const auto* since = member(*waits, "since");
    if (const auto at = since ? milliseconds_of(*since) : std::nullopt)
        out += "Since " + moment_text(*at) + (now >= *at ? ", for " + span_text(now - *at) : "") + ".\n";
    const auto* until = member(*waits, "until");
    if (const auto at = until ? milliseconds_of(*until) : std::nullopt)
        out +=
            "Until " + moment_text(*at) + (*at > now ? ", in " + span_text(*at - now) : ", which has passed") + ".\n";
    if (kind == "parked" || kind == "operator")
        out += "To have it tried again: drover process retry " + id + "\nTo give it up: drover process cancel " + id +
               "\nWhat happened: drover process show " + id + "\n";
    else if (kind == "retry" || kind == "time") out += "To have it tried now: drover process retry " + id + "\n";
    return out;
}

}  // namespace drover::cli
