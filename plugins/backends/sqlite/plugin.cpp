#include <filesystem>

#include "drover/plugin.hpp"
#include "store.hpp"

namespace drover::sqlite {
namespace {

class SqlitePlugin final : public Plugin {
public:
    SqlitePlugin(Context& context, Settings settings) : store_(context, std::move(settings)) {}

    std::vector<Offer> offers() override { return {offer<Store>(store_)}; }
    Result<void> start(Deadline deadline) override { return store_.open(deadline); }
    /// Those who use the store finish their own work later than this, so it refuses nothing yet.
    Result<void> drain(Deadline deadline) override { return store_.flush(deadline); }
    Result<void> stop(Deadline deadline) override { return store_.close(deadline); }
    Health health() const override { return store_.health(); }

private:
    SqliteStore store_;
};

Result<std::unique_ptr<Plugin>> create(const Config& config, Context& context) {
    const std::filesystem::path file(config.text("file"));
    if (!file.has_filename())
        return Error(Errc::invalid, "file is \"" + file.string() + "\", which names no file", "Write file = store.db");
    Settings settings{.file = (std::filesystem::path(context.server().home) / file).string(),
                      .readers = static_cast<std::size_t>(config.integer("readers"))};
    return std::unique_ptr<Plugin>(std::make_unique<SqlitePlugin>(context, std::move(settings)));
}

}  // namespace
}  // namespace drover::sqlite

DROVER_PLUGIN(
    "drover.sqlite", "0.1.0",
    {
        .summary = "The store in one SQLite file, durable, for one server process",
        .provides = {drover::service<drover::Store>({{"durable", "true"}, {"shared", "false"}, {"replicas", "false"}})},
        .options =
            {
                drover::text("file", "store.db", "Database file; relative names are below server.home."),
                drover::integer("readers", 4, 1, 64, "Connections that read at the same time, each with a thread."),
            },
        .create = drover::sqlite::create,
    });
