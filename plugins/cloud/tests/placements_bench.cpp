// How many machines a second find their place among 10,000 hosts, on the memory store. Prints; run by hand:
// build/release/bench/cloud_placements
#include <atomic>
#include <chrono>
#include <cstdio>

#include "allocator/allocator.hpp"
#include "cloud_bench.hpp"

namespace drover::cloud {
namespace {

constexpr int kHosts = 10'000;
constexpr int kInstances = 20'000;

class Placements : public CloudBench {
protected:
    void fill() {
        const auto external =
            create("storagePool", {{"uuid", "ext"}, {"kind", "sim"}, {"state", "active"}, {"external", true}});
        image_ = create("image", {{"uuid", "image"}, {"state", "active"}});
        create("imageStoragePoolMap", {{"uuid", "ispm"}, {"imageId", image_}, {"storagePoolId", external}});
        const auto owner = agent();
        for (int from = 0; from < kHosts; from += 200) {
            Batch batch;
            for (int i = from; i < from + 200; ++i) {
                const auto number = std::to_string(i);
                const auto at = batch.operations.size();
                Create host{"host", {{"uuid", "h" + number}, {"kind", "sim"}, {"state", "active"}, {"agentId", owner}}};
                Create pool{"storagePool",
                            {{"uuid", "p" + number}, {"kind", "sim"}, {"state", "active"}, {"agentId", owner}}};
                Create map{"storagePoolHostMap",
                           {{"uuid", "m" + number}, {"storagePoolId", CreatedBy{at + 1}}, {"hostId", CreatedBy{at}}}};
                batch.operations.emplace_back(std::move(host));
                batch.operations.emplace_back(std::move(pool));
                batch.operations.emplace_back(std::move(map));
            }
            ASSERT_TRUE(wait(store().commit(std::move(batch), Deadline::never())));
        }
        for (int from = 0; from < kInstances; from += 400) {
            Batch batch;
            for (int i = from; i < from + 400; ++i) {
                const auto number = std::to_string(i);
                const auto at = batch.operations.size();
                Create instance{"instance",
                                {{"uuid", "i" + number},
                                 {"state", "starting"},
                                 {"allocationState", "activating"},
                                 {"imageId", image_}}};
                Create volume{
                    "volume",
                    {{"uuid", "v" + number}, {"instanceId", CreatedBy{at}}, {"imageId", image_}, {"deviceNumber", 0}}};
                batch.operations.emplace_back(std::move(instance));
                batch.operations.emplace_back(std::move(volume));
            }
            const auto made = wait(store().commit(std::move(batch), Deadline::never()));
            ASSERT_TRUE(made) << made.error();
            for (std::size_t i = 0; i < made->changed.size(); i += 2) instances_.push_back(made->changed[i].id);
        }
    }

    Async<Result<void>> worker() {
        for (;;) {
            const auto at = next_.fetch_add(1);
            if (at >= instances_.size()) co_return ok;
            auto record = co_await store().get("instance", instances_[at], Consistency::primary(), Deadline::never());
            if (!record) co_return record.error();
            auto run = std::make_shared<BenchRun>(store(), clock(), shared_model(), "instance.allocate",
                                                  std::move(*record), settings);
            auto placed = co_await allocate_instance(cloud(), run);
            if (!placed) co_return placed.error();
        }
    }

    std::int64_t image_ = 0;
    std::vector<std::int64_t> instances_;
    std::atomic<std::size_t> next_{0};
};

TEST_F(Placements, OverTenThousandHosts) {
    fill();
    for (const std::size_t workers : {1u, 64u}) {
        const auto first = next_.load();
        const auto until = workers == 1 ? static_cast<std::size_t>(kInstances / 4) : instances_.size();
        auto rest =
            std::vector<std::int64_t>(instances_.begin() + static_cast<std::ptrdiff_t>(until), instances_.end());
        instances_.resize(until);
        const auto conflicts = cloud()->placement_conflicts.value();
        const auto began = std::chrono::steady_clock::now();
        std::vector<std::function<Async<Result<void>>()>> works(workers, [this] { return worker(); });
        for (const auto& result : together(std::move(works))) ASSERT_TRUE(result) << result.error();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
        std::printf("%zu at a time: %.0f placements/s, %.0f conflicts\n", workers,
                    static_cast<double>(until - first) / took.count(),
                    cloud()->placement_conflicts.value() - conflicts);
        next_ = until;
        instances_.insert(instances_.end(), rest.begin(), rest.end());
    }
    std::int64_t least = 1'000'000;
    std::int64_t most = 0;
    for (const auto& host : all("host")) {
        least = std::min(least, host["computeFree"].integer());
        most = std::max(most, host["computeFree"].integer());
    }
    EXPECT_EQ(most, least) << "20,000 machines over 10,000 hosts: two on each";
    EXPECT_EQ(most, 1'000'000 - kInstances / kHosts);
}

}  // namespace
}  // namespace drover::cloud
