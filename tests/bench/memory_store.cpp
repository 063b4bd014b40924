// The memory store through its facade: commits as a process engine makes them, pages from small and large
// tables, and what a record takes.
#include <malloc.h>
#include <unistd.h>

#include <fstream>
#include <unordered_map>

#include "drover/services/store.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kThreads = 2;
constexpr std::size_t kTasks = 64;
constexpr std::chrono::seconds kTime{3};

std::vector<Field> with_common_fields(std::vector<Field> more) {
    std::vector<Field> fields = {text_field("name"),
                                 text_field("kind"),
                                 text_field("uuid", 128).is_unique(),
                                 text_field("description", 1024),
                                 text_field("state", 128).with_index(),
                                 date_field("created"),
                                 date_field("removed"),
                                 date_field("removeTime"),
                                 json_field("data")};
    fields.insert(fields.end(), more.begin(), more.end());
    return fields;
}

std::vector<ResourceType> types() {
    ResourceType account{.name = "account"};
    account.fields = with_common_fields({});
    ResourceType instance{.name = "instance"};
    instance.fields = with_common_fields({reference_field("accountId", "account"), text_field("allocationState"),
                                          integer_field("memoryMb"), integer_field("compute"), text_field("hostname")});
    ResourceType process{.name = "processInstance"};
    process.fields = {
        text_field("processName", 128), text_field("resourceType", 128), integer_field("resourceId"),
        integer_field("priority"),      text_field("phase", 64),         text_field("result", 64),
        date_field("startTime"),        date_field("endTime"),           integer_field("epoch").not_null(0),
        integer_field("slot"),          text_field("owner", 128),        json_field("data")};
    process.indexes = {{{"phase", "slot", "priority"}, false}, {{"resourceType", "resourceId"}, false}};
    ResourceType execution{.name = "processExecution"};
    execution.fields = {reference_field("processInstanceId", "processInstance"), text_field("uuid", 128),
                        json_field("log")};
    return {account, instance, process, execution};
}

std::string uuid(std::uint64_t number) {
    char text[48];
    std::snprintf(text, sizeof text, "%08x-%04x-4000-8000-%012llx", static_cast<unsigned>(number * 2654435761u),
                  static_cast<unsigned>(number & 0xFFFF), static_cast<unsigned long long>(number));
    return text;
}

Create instance(std::uint64_t number) {
    return {"instance",
            {{"name", "machine-" + std::to_string(number)},
             {"kind", "virtualMachine"},
             {"uuid", uuid(number)},
             {"state", "running"},
             {"created", std::int64_t{1'700'000'000'000} + static_cast<std::int64_t>(number)},
             {"data", R"({"fields":{"startOnCreate":true,"vcpu":2}})"},
             {"accountId", static_cast<std::int64_t>(number % 100 + 1)},
             {"memoryMb", 2048},
             {"compute", 1000}}};
}

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().describe());
    return std::move(*result);
}

void fill(host::Runtime& runtime, Store& store, std::uint64_t from, std::uint64_t to) {
    run_all(runtime, 1, [&](std::size_t) -> Async<void> {
        for (auto number = from; number < to;) {
            Batch batch;
            for (int i = 0; i < 500 && number < to; ++i, ++number) batch.operations.push_back(instance(number));
            must(co_await store.commit(std::move(batch), Deadline::never()));
        }
    });
}

/// One process that does nothing, from request to done: three transitions, its history, its claim.
Async<void> run_process(Store& store, std::int64_t resource, std::int64_t epoch_before) {
    Batch request;
    request.operations = {Update{"instance", resource, {{"state", "starting"}}, {{"state", "running"}}},
                          Create{"processInstance",
                                 {{"processName", "instance.start"},
                                  {"resourceType", "instance"},
                                  {"resourceId", resource},
                                  {"priority", 0},
                                  {"phase", "requested"},
                                  {"slot", resource % 64}}}};
    const auto process = must(co_await store.commit(std::move(request), Deadline::never())).changed[1].id;
    Batch claim;
    claim.operations = {Update{"processInstance",
                               process,
                               {{"phase", "running"}, {"epoch", 1}, {"owner", "server-1"}, {"startTime", epoch_before}},
                               {{"phase", "requested"}, {"epoch", 0}}}};
    must(co_await store.commit(std::move(claim), Deadline::never()));
    Batch done;
    done.operations = {Check{"processInstance", process, {{"epoch", 1}}},
                       Update{"instance", resource, {{"state", "running"}}, {{"state", "starting"}}},
                       Create{"processExecution",
                              {{"processInstanceId", process},
                               {"uuid", uuid(static_cast<std::uint64_t>(process))},
                               {"log", R"([{"name":"InstanceStart","ms":1}])"}}}};
    must(co_await store.commit(std::move(done), Deadline::never()));
    Batch end;
    end.operations = {Update{"processInstance",
                             process,
                             {{"phase", "done"}, {"result", "success"}, {"endTime", epoch_before}},
                             {{"epoch", 1}}}};
    must(co_await store.commit(std::move(end), Deadline::never()));
}

double processes_per_second(host::Runtime& runtime, Store& store) {
    std::vector<std::size_t> counts(kTasks);
    const auto until = steady_clock::now() + kTime;
    const double seconds = run_all(runtime, kTasks, [&](std::size_t task) -> Async<void> {
        while (steady_clock::now() < until) {
            co_await run_process(store, static_cast<std::int64_t>(task + 1), 5);
            ++counts[task];
        }
    });
    std::size_t all = 0;
    for (const auto count : counts) all += count;
    return static_cast<double>(all) / seconds;
}

/// The least that could be done instead: as many changes of structures in one map under one mutex.
double map_processes_per_second() {
    struct Process {
        std::string name, type, phase, owner, result;
        std::int64_t resource = 0, epoch = 0, start = 0, end = 0;
    };
    std::mutex mutex;
    std::unordered_map<std::int64_t, std::string> instances;
    std::unordered_map<std::int64_t, Process> processes;
    std::unordered_map<std::int64_t, std::string> executions;
    std::int64_t next = 0;
    std::vector<std::size_t> counts(kThreads);
    const auto start = steady_clock::now();
    std::vector<std::thread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread)
        threads.emplace_back([&, thread] {
            for (std::int64_t resource = 0; steady_clock::now() < start + kTime; resource = (resource + 1) % 64) {
                std::int64_t id = 0;
                {
                    const std::lock_guard lock(mutex);
                    instances[resource] = "starting";
                    id = ++next;
                    processes[id] = {"instance.start", "instance", "requested", "", "", resource};
                }
                {
                    const std::lock_guard lock(mutex);
                    auto& process = processes[id];
                    process.phase = "running";
                    process.owner = "server-1";
                    process.epoch = 1;
                }
                {
                    const std::lock_guard lock(mutex);
                    instances[resource] = "running";
                    executions[id] = R"([{"name":"InstanceStart","ms":1}])";
                }
                {
                    const std::lock_guard lock(mutex);
                    auto& process = processes[id];
                    process.phase = "done";
                    process.result = "success";
                }
                ++counts[thread];
            }
        });
    for (auto& thread : threads) thread.join();
    std::size_t all = 0;
    for (const auto count : counts) all += count;
    return static_cast<double>(all) / Seconds(steady_clock::now() - start).count();
}

/// Microseconds for a page of 100 running instances, somewhere in the middle.
double page_microseconds(host::Runtime& runtime, Store& store, const std::vector<SortBy>& sort) {
    std::vector<double> times;
    run_all(runtime, 1, [&](std::size_t) -> Async<void> {
        for (int i = 0; i < 300; ++i) {
            Query query{.type = "instance"};
            query.where = {{{"state", Op::eq, {"running"}}}, {{"removed", Op::is_null, {}}}};
            query.sort = sort;
            const auto began = steady_clock::now();
            const auto page = must(co_await store.query(std::move(query), Consistency::primary(), Deadline::never()));
            times.push_back(Seconds(steady_clock::now() - began).count() * 1e6);
            if (page.rows.size() != 100) throw std::runtime_error("a page is not full");
        }
    });
    return median(times);
}

double resident_bytes() {
    malloc_trim(0);
    std::ifstream file("/proc/self/statm");
    double pages = 0;
    double resident = 0;
    file >> pages >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover;
    using namespace drover::bench;
    host::Runtime runtime(kThreads);
    {
        LoadedPlugin plugin(runtime, "memory.so", {}, scratch("memory_store"));
        auto& store = plugin.get<Store>();
        must(block_on(runtime.executor(), store.migrate(types(), MigrateMode::apply, Deadline::never()), kTime * 10));
        fill(runtime, store, 0, 64);
        report("memory_store_processes", processes_per_second(runtime, store),
               "no-op processes per second (4 commits, 7 operations), 64 coroutines on 2 threads",
               "structures in maps under one std::mutex, 2 threads", map_processes_per_second(),
               "at least 20000 per second");
    }
    LoadedPlugin plugin(runtime, "memory.so", {}, scratch("memory_store"));
    auto& store = plugin.get<Store>();
    must(block_on(runtime.executor(), store.migrate(types(), MigrateMode::apply, Deadline::never()), kTime * 10));
    fill(runtime, store, 0, 10'000);
    const auto small = page_microseconds(runtime, store, {});
    const auto before = resident_bytes();
    fill(runtime, store, 10'000, 210'000);
    constexpr double kTextOfARecord = 200;  // names, ids, state, data: what is in it
    report("memory_store_record", (resident_bytes() - before) / 200'000, "bytes per instance record with its indexes",
           "its content alone", kTextOfARecord);
    fill(runtime, store, 210'000, 1'000'000);
    report("memory_store_page", page_microseconds(runtime, store, {}), "us, median, page of 100 from 1,000,000 records",
           "the same page from 10,000 records", small, "at most 1.3");
    report("memory_store_page_by_uuid", page_microseconds(runtime, store, {{"uuid", true}}),
           "us, median, the same page sorted by an indexed field", "by id, from 1,000,000 records",
           page_microseconds(runtime, store, {}));
}
