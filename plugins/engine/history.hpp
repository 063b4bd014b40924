#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core.hpp"

namespace drover::engine {

// Here and not inside of History: clang 14 constructs no optional of a nested class that has initialisers.
struct Execution {
    const ProcessDefinition* process = nullptr;
    std::int64_t resource = 0;
    std::int64_t process_id = 0;
    std::int64_t start = 0;
    std::int64_t lock_start = 0;
    std::int64_t lock_end = 0;
    bool locked = false;
    boost::json::array transitions;
    boost::json::array logic;
    std::string exception;
};

struct UnderWay {
    PiecePtr piece;
    std::int64_t start = 0;
    Record before;
    boost::json::array children;
};

/// What a run did, as operators read it: executions, transitions, logic with what it changed. Kept as small as can
/// be while the run goes on, for thousands wait at the same time; it becomes JSON at the end.
/// Used by one coroutine at a time.
class History {
public:
    explicit History(Core& core) : core_(core) {}

    /// One pass of one definition over one resource.
    void begin(const ProcessDefinition& process, std::int64_t resource, std::int64_t process_id);
    void lock_wanted();
    void lock_taken(bool taken);
    void transition(const std::string& field, std::string_view from, const std::string& to);
    void logic_begun(const PiecePtr& piece, const Record& before);
    void logic_ended(const boost::json::object* result, bool go_on, bool delegate, const Record& after);
    void logic_failed(const Error& error);
    /// A process that ran inside of the logic under way.
    void child(boost::json::array executions);
    void end(std::string_view exit_reason);
    void end(std::string_view exit_reason, const Error& error);

    boost::json::array take();
    /// The row that keeps it; what does not fit is left out with a mark.
    static Create row(Core& core, std::int64_t process_id, boost::json::array executions);

private:
    boost::json::object piece_json();

    Core& core_;
    boost::json::array executions_;
    std::optional<Execution> now_;
    std::optional<UnderWay> logic_;
};

}  // namespace drover::engine
