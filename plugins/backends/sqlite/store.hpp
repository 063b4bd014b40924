#pragma once

#include <atomic>
#include <memory>

#include "drover/context.hpp"
#include "drover/services/store.hpp"
#include "files.hpp"
#include "readers.hpp"
#include "writer.hpp"

namespace drover::sqlite {

struct Settings {
    std::string file;
    std::size_t readers = 4;
};

/// The store on one SQLite file: commits by the writer, reads by the readers.
class SqliteStore final : public Store {
public:
    SqliteStore(Context& context, Settings settings);

    /// Blocking, as verbs of a plugin are. Errors: those of FileClaim::take, prepare_layout and migrate.
    Result<void> open(Deadline deadline);
    Result<void> flush(Deadline deadline);
    Result<void> close(Deadline deadline);
    Health health() const;

    Async<Result<Migration>> migrate(std::vector<ResourceType> types, MigrateMode mode, Deadline deadline) override;
    Async<Result<Record>> get(std::string type, std::int64_t id, Consistency consistency, Deadline deadline) override;
    Async<Result<Page>> query(Query query, Consistency consistency, Deadline deadline) override;
    Async<Result<Committed>> commit(Batch batch, Deadline deadline) override;
    Async<Result<std::optional<Committed>>> outcome(std::string batch_id, Deadline deadline) override;
    Async<Result<Position>> position(Deadline deadline) override;

private:
    using SchemaPtr = std::shared_ptr<const Schema>;  // owners: the store, its calls, records
    Result<Migration> migrate_now(Connection& session, const std::vector<ResourceType>& types, MigrateMode mode);
    Result<void> fresh_enough(const Consistency& consistency) const;
    Async<void> keep_trying();
    std::chrono::milliseconds left(Deadline deadline) const;

    Context& context_;
    const Settings settings_;
    const SqliteDialect dialect_;
    std::unique_ptr<FileClaim> claim_;
    std::shared_ptr<Writer> writer_;    // owners: the store and jobs on the writer's thread
    std::shared_ptr<Readers> readers_;  // owners: the store and jobs on the readers' threads
    std::unique_ptr<TaskGroup> tasks_;
    std::atomic<SchemaPtr> schema_;
};

}  // namespace drover::sqlite
