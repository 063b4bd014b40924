#include "cli/waiting.hpp"

#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <thread>

#include "cli/columns.hpp"
#include "cli/output.hpp"
#include "cli/process_text.hpp"
#include "cli/text.hpp"
#include "drover/options.hpp"

namespace drover::cli {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// One line on a terminal that is written over and over, and wiped at the end.
class ProgressLine {
public:
    ProgressLine(std::string what) : what_(std::move(what)), shown_(::isatty(STDERR_FILENO) == 1) {}
    ~ProgressLine() {
        if (shown_ && written_) std::cerr << "\r\x1b[K" << std::flush;
    }
    void say(const json::value& resource) {
        const auto waited = Clock::now() - begin_;
        if (!shown_ || waited < 300ms) return;  // what is done at once needs no progress
        std::string line = what_ + " " + text_of(resource, "state");
        if (const auto message = text_of(resource, "transitioningMessage"); !message.empty()) line += ": " + message;
        if (const auto* object = resource.if_object()) {
            const auto* progress = object->if_contains("transitioningProgress");
            if (progress && progress->is_number()) line += " " + cell_text(*progress) + " %";
        }
        line += ", " + std::to_string(waited / 1s) + " s";
        std::cerr << "\r\x1b[K" << cut_to_width(printable(line), 100) << std::flush;
        written_ = true;
    }

private:
    std::string what_;
    bool shown_;
    bool written_ = false;
    Clock::time_point begin_ = Clock::now();
};

std::string goal_text(const Goal& goal) {
    std::string text;
    for (const auto& [field, value] : goal.conditions) text += (text.empty() ? "" : ", ") + field + "=" + value;
    return text.empty() ? "transitioning=no" : text;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> parse_conditions(const Schema& schema,
                                                                          const std::vector<std::string>& words) {
    std::vector<std::pair<std::string, std::string>> conditions;
    for (const auto& word : words) {
        const auto equals = word.find('=');
        const auto name = word.substr(0, equals);
        if (equals == std::string::npos || name.empty())
            return Error(Errc::invalid, "\"" + printable(word) + "\" is not a condition", "Write state=running.");
        const auto columns = check_columns(schema, {name});
        if (!columns) return columns.error();
        conditions.emplace_back(columns->front(), word.substr(equals + 1));
    }
    return conditions;
}

Progress progress_of(const json::value& resource, const Goal& goal) {
    const auto transitioning = text_of(resource, "transitioning");
    if (goal.conditions.empty())
        return transitioning == "yes" ? Progress::going : transitioning == "error" ? Progress::failed : Progress::met;
    const bool met = std::all_of(goal.conditions.begin(), goal.conditions.end(), [&](const auto& one) {
        const auto* value = value_at(resource, one.first);
        return value && cell_text(*value) == one.second;
    });
    if (met) return Progress::met;
    return transitioning == "error" ? Progress::failed : Progress::going;
}

bool met_by_absence(const Goal& goal) {
    if (goal.conditions.empty()) return goal.may_vanish;
    return std::all_of(goal.conditions.begin(), goal.conditions.end(), [](const auto& one) {
        return one.first == "state" && (one.second == "removed" || one.second == "purged");
    });
}

Result<json::value> wait_for(Client& client, const Schema& schema, const std::string& id, const Goal& goal) {
    const auto what = schema.id() + " " + id;
    const auto end = Clock::now() + goal.at_most;
    ProgressLine line(what + ":");
    std::string last_state;
    json::value before;
    for (auto pause = std::chrono::milliseconds(30);;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
        client.set_patience(std::clamp<std::chrono::milliseconds>(left, 1s, 60s));
        auto resource = client.get(schema.path(id));
        if (resource) {
            keep_secrets(*resource, before);
            before = *resource;
            line.say(*resource);
            last_state = text_of(*resource, "state");
            switch (progress_of(*resource, goal)) {
                case Progress::met: return resource;
                case Progress::failed: {
                    const auto why = text_of(*resource, "transitioningMessage");
                    return with_exit(Error(Errc::conflict,
                                           printable(what + " ended in an error" +
                                                     (last_state.empty() ? "" : ", in state " + last_state)) +
                                               (why.empty() ? "" : ": " + printable(why)),
                                           "See: drover process list --resource " + schema.id() + "/" + id),
                                     kEndedInError);
                }
                case Progress::going: break;
            }
        } else if (resource.error().detail("status") == "404" && met_by_absence(goal)) {
            return json::value(nullptr);
        } else if (resource.error().code() != Errc::unavailable && resource.error().code() != Errc::timeout) {
            return resource.error();
        }
        // A server that is being started again is worth waiting for as long as there is time.
        if (Clock::now() + pause >= end) {
            if (!resource) return with_exit(resource.error(), kOutOfTime);
            return with_exit(Error(Errc::timeout,
                                   printable(what) + " has not reached " + printable(goal_text(goal)) + " within " +
                                       span_text((goal.at_most / 1ms + 99) / 100 * 100) + "; it is " +
                                       (last_state.empty() ? "there" : printable(last_state)),
                                   "What it waits for: drover explain " + schema.id() + "/" + id),
                             kOutOfTime);
        }
        std::this_thread::sleep_for(pause);
        pause = std::min<std::chrono::milliseconds>(pause * 3 / 2, 1s);
    }
}

}  // namespace drover::cli
