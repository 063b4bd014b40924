#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <vector>

#include "core.hpp"

namespace drover::engine {

/// What a run did, as operators read it: executions, transitions, logic with what it changed.
/// Used by one coroutine at a time.
class History {
public:
    explicit History(Core& core) : core_(core) {}

    /// One pass of one definition over one resource.
    void begin(const std::string& process, const std::string& type, std::int64_t resource, std::int64_t process_id);
    void lock_wanted(const std::string& name);
    void lock_taken(bool taken);
    void transition(std::string_view field, std::string_view from, std::string_view to);
    void logic_begun(const std::string& name, const Record& before);
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
    Core& core_;
    boost::json::array executions_;
    boost::json::object now_;
    boost::json::array transitions_;
    boost::json::array logic_;
    boost::json::object piece_;
    boost::json::array children_;
    bool open_ = false;
    bool in_piece_ = false;
};

}  // namespace drover::engine
