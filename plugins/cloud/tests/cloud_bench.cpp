#include "cloud_bench.hpp"

namespace drover::cloud {

namespace json = boost::json;

namespace {

Error not_here(std::string what) { return Error(Errc::unsupported, std::move(what) + " needs the engine"); }

}  // namespace

BenchRun::BenchRun(Store& store, Clock& with, std::shared_ptr<const Model> model, std::string process, Record resource,
                   std::map<std::string, std::string, std::less<>> settings)
    : store_(store),
      clock_(with),
      model_(std::move(model)),
      process_(model_->process(process)),
      resource_(std::move(resource)),
      settings_(std::move(settings)),
      log_(make_null_log_sink(), "bench") {}

std::string BenchRun::setting(std::string_view key) const {
    const auto found = settings_.find(key);
    return found == settings_.end() ? std::string() : found->second;
}

Async<Result<void>> BenchRun::refresh() {
    auto record = co_await get(resource_.type().name, resource_.id());
    if (!record) co_return record.error();
    resource_ = std::move(*record);
    co_return ok;
}
Async<Result<Record>> BenchRun::get(std::string type, std::int64_t id) {
    return store_.get(std::move(type), id, Consistency::primary(), deadline());
}
Async<Result<Page>> BenchRun::query(Query query) {
    return store_.query(std::move(query), Consistency::primary(), deadline());
}
Async<Result<Committed>> BenchRun::commit(Batch batch) { return store_.commit(std::move(batch), deadline()); }

Async<Result<std::vector<Record>>> BenchRun::linked(std::string type, std::int64_t id, std::string link) {
    const auto* known = model_->schema().link(type, link);
    if (!known || known->kind != Link::Kind::map) co_return not_here("link " + link);
    Query maps;
    maps.type = known->map;
    maps.where = {{Condition{known->field, Op::eq, {Value(id)}}}, {Condition{"removed", Op::is_null, {}}}};
    maps.limit = kLargestPage;
    auto page = co_await query(std::move(maps));
    if (!page) co_return page.error();
    std::vector<Record> records;
    for (const auto& row : page->rows) {
        auto record = co_await get(known->target, row.record[known->map_field].integer());
        if (!record) co_return record.error();
        records.push_back(std::move(*record));
    }
    co_return records;
}

Async<Result<void>> BenchRun::save_data() { co_return ok; }
Async<Result<Record>> BenchRun::create(std::string, json::object) { co_return not_here("create"); }
Async<Result<void>> BenchRun::apply(std::string, std::int64_t, json::object) { co_return not_here("apply"); }
Async<Result<Record>> BenchRun::run(std::string, std::int64_t, json::object) { co_return not_here("run"); }
Async<Result<void>> BenchRun::schedule(std::string, std::int64_t, json::object) { co_return not_here("schedule"); }
Async<Result<std::shared_ptr<ProcessRun::Held>>> BenchRun::lock(std::string, std::chrono::milliseconds) {
    co_return not_here("lock");
}
Async<Result<Event>> BenchRun::request(Event, RequestOptions) { co_return not_here("request"); }
Async<Result<Event>> BenchRun::command(AgentCommand) { co_return not_here("command"); }

void CloudBench::SetUp() {
    backend_ = std::make_unique<BenchBackend>();
    store_ = &backend_->open<Store>("alice");
    auto declared = all_types();
    model_ = Model::make(declared.resources, std::move(declared.api), std::move(declared.processes)).value();
    auto migrated = wait(store_->migrate(std::move(declared.resources), MigrateMode::apply, Deadline::never()));
    ASSERT_TRUE(migrated) << migrated.error();
    cloud_ = std::make_shared<Cloud>(clock(), Logger(make_null_log_sink(), "cloud"), metrics_,
                                     std::make_unique<BlockingPool>("cloud", 1, 16));
}

void CloudBench::TearDown() {
    cloud_->pool->close(10s);
    cloud_.reset();
    backend_.reset();
}

std::int64_t CloudBench::create(std::string type, Assignments values) {
    Create one;
    one.type = std::move(type);
    one.values = std::move(values);
    Batch batch;
    batch.operations.emplace_back(std::move(one));
    return wait(store().commit(std::move(batch), Deadline::never())).value().changed.at(0).id;
}

Record CloudBench::get(const std::string& type, std::int64_t id) {
    return wait(store().get(type, id, Consistency::primary(), Deadline::never())).value();
}

std::vector<Record> CloudBench::all(const std::string& type, std::vector<AnyOf> where) {
    Query query;
    query.type = type;
    query.where = std::move(where);
    query.limit = kLargestPage;
    std::vector<Record> records;
    auto page = wait(store().query(std::move(query), Consistency::primary(), Deadline::never())).value();
    for (auto& row : page.rows) records.push_back(std::move(row.record));
    return records;
}

void CloudBench::set(const std::string& type, std::int64_t id, Assignments values) {
    Update update;
    update.type = type;
    update.id = id;
    update.values = std::move(values);
    Batch batch;
    batch.operations.emplace_back(std::move(update));
    const auto changed = wait(store().commit(std::move(batch), Deadline::never()));
    ASSERT_TRUE(changed) << changed.error();
}

ProcessRunPtr CloudBench::make_run(const std::string& type, std::int64_t id, const std::string& process) {
    auto record = wait(store().get(type, id, Consistency::primary(), Deadline::never()));
    return std::make_shared<BenchRun>(store(), clock(), model_, process, record ? *record : Record(), settings);
}

CloudBench::Place CloudBench::place(const std::string& kind, Value free, std::int64_t agent) {
    Place made;
    const auto number = std::to_string(++named_);
    const Term owner = agent == 0 ? Term(Value()) : Term(Value(agent));
    made.host = create(
        "host",
        {{"uuid", "host" + number}, {"kind", kind}, {"state", "active"}, {"computeFree", free}, {"agentId", owner}});
    made.pool =
        create("storagePool", {{"uuid", "pool" + number}, {"kind", kind}, {"state", "active"}, {"agentId", owner}});
    create("storagePoolHostMap", {{"uuid", "sphm" + number}, {"storagePoolId", made.pool}, {"hostId", made.host}});
    return made;
}

std::int64_t CloudBench::agent(const std::string& state) {
    return create("agent", {{"uuid", "agent" + std::to_string(++named_)}, {"state", state}});
}

std::int64_t CloudBench::image(const std::string& kind) {
    const auto number = std::to_string(++named_);
    const auto id = create("image", {{"uuid", "image" + number}, {"state", "active"}});
    if (kind.empty()) return id;
    const auto pool =
        create("storagePool", {{"uuid", "ext" + number}, {"kind", kind}, {"state", "active"}, {"external", true}});
    create("imageStoragePoolMap", {{"uuid", "ispm" + number}, {"imageId", id}, {"storagePoolId", pool}});
    return id;
}

std::int64_t CloudBench::instance(std::int64_t image_id, Assignments more) {
    const auto number = std::to_string(++named_);
    Assignments values{
        {"uuid", "instance" + number}, {"kind", "container"}, {"state", "starting"}, {"allocationState", "activating"}};
    if (image_id != 0) values.emplace_back("imageId", Value(image_id));
    for (auto& one : more) values.push_back(std::move(one));
    const auto id = create("instance", std::move(values));
    if (image_id != 0)
        create("volume", {{"uuid", "volume" + number}, {"instanceId", id}, {"imageId", image_id}, {"deviceNumber", 0}});
    return id;
}

}  // namespace drover::cloud
