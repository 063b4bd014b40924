// Volumes: their pools, and the images that a pool must have before a volume of it can be used.
#include "logic/all.hpp"

namespace drover::cloud {
namespace {

constexpr auto kStageWait = 1s;

/// Makes the image active, and known to the pool, and there.
Async<Result<void>> stage_image(ProcessRunPtr run, std::int64_t image_id, std::int64_t pool_id) {
    auto image = co_await run->get("image", image_id);
    if (!image) co_return image.error();
    // One whose server died before it was begun is begun here.
    const std::string process = (*image)["state"].text() == "requested" ? "image.create" : "image.activate";
    auto active = co_await run_shared(run, process, "image", image_id, "active");
    if (!active) co_return active.error();

    std::vector<AnyOf> where{is("imageId", image_id), is("storagePoolId", pool_id), is_null("removed")};
    auto map = co_await find_one(run, "imageStoragePoolMap", where);
    if (!map) co_return map.error();
    if (!*map) {
        const auto name = "STAGE." + std::to_string(image_id) + "." + std::to_string(pool_id);
        auto held = co_await run->lock(name, kStageWait);
        if (!held) co_return held.error();
        map = co_await find_one(run, "imageStoragePoolMap", where);
        if (!map) co_return map.error();
        if (!*map) {
            json::object values{{"imageId", image_id}, {"storagePoolId", pool_id}};
            auto made = co_await run->create("imageStoragePoolMap", std::move(values));
            if (!made) co_return made.error();
            *map = std::move(*made);
        }
    }
    const auto state = (**map)["state"].text();
    if (state == "active") co_return ok;
    if (state == "requested" || state == "registering") {
        auto created =
            co_await run_shared(run, "imagestoragepoolmap.create", "imageStoragePoolMap", (*map)->id(), "inactive");
        if (!created) co_return created.error();
    }
    co_return co_await run_shared(run, "imagestoragepoolmap.activate", "imageStoragePoolMap", (*map)->id(), "active");
}

Async<Result<LogicResult>> volume_activate(ProcessRunPtr run) {
    auto maps = co_await find_live(run, "volumeStoragePoolMap", "volumeId", run->resource().id());
    if (!maps) co_return maps.error();
    for (const auto& map : *maps) {
        if (const auto* image = run->resource()["imageId"].if_integer()) {
            auto staged = co_await stage_image(run, *image, map["storagePoolId"].integer());
            if (!staged) co_return staged.error();
        }
        auto active = co_await run->run("volumestoragepoolmap.activate", map.id());
        if (!active) co_return active.error();
    }
    co_return done();
}

Async<Result<LogicResult>> volume_deactivate(ProcessRunPtr run) {
    auto maps = co_await find_live(run, "volumeStoragePoolMap", "volumeId", run->resource().id());
    if (!maps) co_return maps.error();
    auto ran = co_await run_each(run, "volumestoragepoolmap.deactivate", std::move(*maps));
    if (!ran) co_return ran.error();
    co_return done();
}

/// Takes the volume out of its pools. Maps that are still active are made inactive first.
Async<Result<void>> remove_maps(ProcessRunPtr run) {
    auto maps = co_await find_removable(run, "volumeStoragePoolMap", "volumeId", run->resource().id());
    if (!maps) co_return maps.error();
    std::vector<Record> active;
    for (const auto& map : *maps)
        if (map["state"].text() == "active") active.push_back(map);
    auto stopped = co_await run_each(run, "volumestoragepoolmap.deactivate", std::move(active));
    if (!stopped) co_return stopped.error();
    co_return co_await run_each(run, "volumestoragepoolmap.remove", std::move(*maps));
}

Async<Result<LogicResult>> volume_purge(ProcessRunPtr run) {
    auto freed = co_await run->run("volume.deallocate", run->resource().id());
    if (!freed) co_return freed.error();
    auto removed = co_await remove_maps(run);
    if (!removed) co_return removed.error();
    co_return done();
}

Async<Result<LogicResult>> volume_deallocate(ProcessRunPtr run) {
    auto removed = co_await remove_maps(run);
    if (!removed) co_return removed.error();
    co_return done();
}

Async<Result<LogicResult>> volume_detach(ProcessRunPtr) {
    co_return done({{"instanceId", nullptr}, {"deviceNumber", nullptr}});
}

}  // namespace

void add_volume_logic(std::vector<Logic>& all) {
    all.push_back(handler("VolumeActivate", {"volume.activate"}, volume_activate));
    all.push_back(handler("VolumeDeactivate", {"volume.deactivate"}, volume_deactivate));
    all.push_back(handler("VolumePurge", {"volume.purge"}, volume_purge));
    all.push_back(handler("VolumeDeallocate", {"volume.deallocate"}, volume_deallocate));
    all.push_back(handler("VolumeDetach", {"volume.detach"}, volume_detach));
}

}  // namespace drover::cloud
