#include "core.hpp"

#include <charconv>

#include "agents.hpp"
#include "attempt.hpp"
#include "external_handlers.hpp"
#include "roster.hpp"

namespace drover::engine {

Core::Core(Context& with)
    : context(with),
      clock(with.clock()),
      log(with.log()),
      store(with.get<Store>()),
      locks(with.get<LockService>()),
      membership(with.get<MembershipService>()),
      server(with.server().id),
      settings(with),
      measures(with.metrics()),
      outbox(with.clock(), with.server().id),
      background(with.executor()),
      attempts(with.executor()) {}

Core::~Core() = default;

Async<Result<Committed>> Core::commit(Batch batch, Deadline deadline) {
    const auto began = clock.now();
    auto committing = store.commit(std::move(batch), deadline);
    auto committed = co_await std::move(committing);
    measures.commit.observe(std::chrono::duration<double>(clock.now() - began).count());
    co_return committed;
}

Async<Result<Record>> Core::get(std::string type, std::int64_t id, Deadline deadline) {
    return store.get(std::move(type), id, Consistency::primary(), deadline);
}

Async<Result<Page>> Core::query(Query query, Deadline deadline) {
    return store.query(std::move(query), Consistency::primary(), deadline);
}

Claim claim_of(const Record& row) {
    Claim claim;
    claim.id = row.id();
    claim.epoch = row["epoch"].integer();
    claim.process = std::string(row["processName"].text());
    claim.type = std::string(row["resourceType"].text());
    claim.resource = row["resourceId"].integer();
    claim.priority = static_cast<int>(row["priority"].integer());
    claim.slot = static_cast<int>(row["slot"].integer());
    claim.attempts = static_cast<int>(row["attempts"].integer());
    claim.waits = static_cast<int>(row["waits"].integer());
    claim.data = parse_object(row["data"].text());
    return claim;
}

std::optional<std::size_t> refused_operation(const Error& error) {
    const auto text = error.detail("operation");
    std::size_t number = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || wrong != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

Error claim_lost() {
    return Error(Errc::conflict, "the process was taken over or ended; this run of it has no effect any more")
        .with_detail("claim", "lost");
}

}  // namespace drover::engine
