#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "drover/engine/extension.hpp"
#include "drover/engine/run.hpp"
#include "settings.hpp"

/// What all logic is written with. Coroutines take their parameters by value.
namespace drover::cloud {

using namespace std::chrono_literals;
namespace json = boost::json;

/// Conditions of queries.
inline AnyOf is(std::string field, Value value) { return {Condition{std::move(field), Op::eq, {std::move(value)}}}; }
inline AnyOf is_null(std::string field) { return {Condition{std::move(field), Op::is_null, {}}}; }
inline AnyOf is_not(std::string field, Value value) {
    return {Condition{std::move(field), Op::ne, {std::move(value)}}};
}

/// All records that match, by id; at most kLargestPage.
Async<Result<std::vector<Record>>> find(ProcessRunPtr run, std::string type, std::vector<AnyOf> where);
/// The first of them by id; none when there is none.
Async<Result<std::optional<Record>>> find_one(ProcessRunPtr run, std::string type, std::vector<AnyOf> where);
/// Those that are not removed.
Async<Result<std::vector<Record>>> find_live(ProcessRunPtr run, std::string type, std::string field, std::int64_t id);
/// Those that are not removed, or are just being removed: what a removal has to finish.
Async<Result<std::vector<Record>>> find_removable(ProcessRunPtr run, std::string type, std::string field,
                                                  std::int64_t id);
/// The record of this uuid, made of `values` when there is none. Whoever makes it first wins.
Async<Result<Record>> find_or_create(ProcessRunPtr run, std::string type, std::string uuid, json::object values);

/// Runs `process` for each record, one after the other. `data` is what each is launched with.
Async<Result<void>> run_each(ProcessRunPtr run, std::string process, std::vector<Record> records,
                             json::object data = {});
/// Runs a process of something that many others want at the same time, such as an image that is made active for
/// all machines: when another holds its lock, waits for that one to bring it into `state`.
Async<Result<void>> run_shared(ProcessRunPtr run, std::string process, std::string type, std::int64_t id,
                               std::string state);

bool flag(const ProcessRun& run, std::string_view key, bool otherwise);
std::int64_t number(const ProcessRun& run, std::string_view key, std::int64_t otherwise);

/// Now, as dates are stored.
std::int64_t now_millis(Clock& clock);

/// Is `value` a boolean that says yes, or a text that does? Form posts send texts.
bool says_yes(const json::value* value);

LogicResult nothing();
LogicResult done(json::object data = {});

/// Declares logic in one line. `call` is a coroutine, or calls one with what it holds: it is none with captures.
using LogicCall = std::function<Async<Result<LogicResult>>(ProcessRunPtr run)>;
Logic logic(std::string name, std::vector<std::string> processes, LogicPhase phase, int priority, LogicCall call);
inline Logic handler(std::string name, std::vector<std::string> processes, LogicCall call,
                     int priority = kPriorityDefault) {
    return logic(std::move(name), std::move(processes), LogicPhase::handler, priority, std::move(call));
}

/// A machine has at most so many volumes.
inline constexpr std::size_t kMostVolumes = 100;

/// Keys under which clients and the processes' data know parts of the logic. They stand in stored data.
inline constexpr const char* kInstanceStartKey = "io.cattle.platform.process.instance.InstanceStart";
inline constexpr const char* kInstanceCreateKey = "io.cattle.platform.process.instance.InstanceCreate";
inline constexpr const char* kTryKey = "computeTry";
inline constexpr const char* kAllocatorKey = "io.cattle.platform.allocator.dao.impl.AllocatorDaoImpl";

}  // namespace drover::cloud
