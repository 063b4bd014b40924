#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "attempt.hpp"
#include "drover/engine/run.hpp"

namespace drover::engine {

/// One process being carried out: that of the record, or one that logic runs inside of it.
class Run final : public ProcessRun, public std::enable_shared_from_this<Run> {
public:
    /// `parent` is null for the record's own.
    Run(AttemptPtr attempt, Run* parent, const ProcessDefinition* process, std::int64_t resource,
        boost::json::object data);

    /// Errors: those of logic, of the store and the locks; claim_lost.
    Async<Result<Exit>> carry_out();
    History& history() { return history_; }
    /// The operations that set the done state, beside those that end the record; for the record's own run.
    bool wants_done() const { return wants_done_; }
    Update done_update() const;
    const ProcessDefinition& definition() const { return *process_; }
    std::int64_t resource_id() const { return resource_id_; }
    const std::string& type() const { return process_->resource_type; }
    /// The resource left its transitioning state before it was done: where that leads.
    Async<Result<Exit>> look_again();
    /// "instance:5->volume:7", "instance.start->volume.activate", "instance.start->(InstanceStart)->..."
    boost::json::object event_context() const;

    const Model& model() const override { return *core_.model; }
    const ProcessDefinition& process() const override { return *process_; }
    std::int64_t process_id() const override { return attempt_->claim().id; }
    const Record& resource() const override { return resource_; }
    boost::json::object& data() override { return data_; }
    const Logger& log() const override { return core_.log; }
    Clock& clock() const override { return core_.clock; }
    Deadline deadline() const override { return attempt_->deadline(); }
    std::string setting(std::string_view key) const override { return core_.settings.get(key); }
    Async<Result<void>> refresh() override;
    Async<Result<Record>> get(std::string type, std::int64_t id) override;
    Async<Result<Page>> query(Query query) override;
    Async<Result<std::vector<Record>>> linked(std::string type, std::int64_t id, std::string link) override;
    Async<Result<void>> save_data() override;
    Async<Result<Committed>> commit(Batch batch) override;
    Async<Result<Record>> create(std::string type, boost::json::object values) override;
    Async<Result<void>> apply(std::string type, std::int64_t id, boost::json::object changes) override;
    Async<Result<Record>> run(std::string process, std::int64_t resource_id, boost::json::object data) override;
    Async<Result<void>> schedule(std::string process, std::int64_t resource_id, boost::json::object data) override;
    Async<Result<std::shared_ptr<Held>>> lock(std::string name, std::chrono::milliseconds wait) override;
    Async<Result<Event>> request(Event event, RequestOptions options) override;
    Async<Result<Event>> command(AgentCommand command) override;
    void progress(std::string message, int percent) override;

private:
    Async<Result<Exit>> once();
    Async<Result<Exit>> in_lock();
    Async<Result<std::optional<Exit>>> enter();
    struct ListOutcome {
        bool touched = false;  // something may have changed the resource
        bool delegate = false;
    };
    Async<Result<ListOutcome>> run_list(LogicPhase phase);
    Async<Result<LogicResult>> call(PiecePtr piece);
    Exit delegate_or_cancel();
    std::string lock_name() const;
    std::string path() const;
    std::vector<Operation> fences() const;

    const AttemptPtr attempt_;
    Core& core_;
    Run* const parent_;  // it waits for this one
    const ProcessDefinition* process_;
    const ProcessDefinition* delegate_ = nullptr;  // what goes on after Exit::delegate
    const std::int64_t resource_id_;
    const StateChange* change_ = nullptr;
    Record resource_;
    boost::json::object data_;
    History history_;
    std::string logic_;  // the piece under way
    bool wants_done_ = false;
    const int depth_;
};

}  // namespace drover::engine
