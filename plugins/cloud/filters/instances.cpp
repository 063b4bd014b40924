// Machines name their image by its uuid; external pools know images that nobody has registered.
#include "drover/engine/engine.hpp"
#include "drover/services/store.hpp"
#include "filters/filters.hpp"
#include "logic/support.hpp"
#include "report.hpp"
#include "types/types.hpp"

namespace drover::cloud {
namespace {

constexpr auto kWait = 15s;

Async<Result<std::optional<Record>>> first(Store* store, Clock* clock, std::string type, std::string field,
                                           Value value) {
    Query query;
    query.type = std::move(type);
    query.where = {is(std::move(field), std::move(value))};
    query.limit = 1;
    auto asking = store->query(std::move(query), Consistency::primary(), Deadline::in(*clock, kWait));
    auto page = co_await std::move(asking);
    if (!page) co_return page.error();
    if (page->rows.empty()) co_return std::optional<Record>();
    co_return std::optional<Record>(std::move(page->rows.front().record));
}

bool sees(const CreateRequest& request, const Record& image) {
    return request.all_accounts || image["isPublic"].boolean() || image["accountId"].integer() == request.account_id;
}

/// Schedules the create of a row that is still waiting for it.
Async<Result<void>> begin(Engine* engine, Clock* clock, std::string process, std::int64_t id) {
    ProcessRequest request;
    request.process = std::move(process);
    request.resource_id = id;
    auto scheduling = engine->schedule(std::move(request), Deadline::in(*clock, kWait));
    auto scheduled = co_await std::move(scheduling);
    // Somebody else was faster.
    if (!scheduled && scheduled.error().code() != Errc::conflict) co_return scheduled.error();
    co_return ok;
}

/// Image and map in one commit: an image that no pool is known to have would never find a host of its kind.
Async<Result<void>> write_image(CreateRequest request, Clock* clock, std::string uuid, Record pool,
                                ImageTemplate made) {
    auto system = co_await first(request.hands.store, clock, "account", "uuid", Value(kSystemAccount));
    if (!system) co_return system.error();
    const auto model = request.hands.engine->model();
    const auto now = now_millis(*clock);
    json::object values{{"uuid", uuid},          {"kind", "image"},      {"name", made.name}, {"isPublic", true},
                        {"format", made.format}, {"state", "requested"}, {"data", made.data}};
    if (*system) values["accountId"] = (*system)->id();
    if (!made.instance_kind.empty()) values["instanceKind"] = made.instance_kind;
    Create image;
    image.type = "image";
    image.values = row_values(*model->schema().find("image"), values, now);
    Create map;
    map.type = "imageStoragePoolMap";
    json::object map_values{{"uuid", derived_uuid("imageStoragePoolMap " + uuid + " " + std::to_string(pool.id()))},
                            {"kind", "imageStoragePoolMap"},
                            {"state", "requested"},
                            {"storagePoolId", pool.id()}};
    map.values = row_values(*model->schema().find("imageStoragePoolMap"), map_values, now);
    map.values.emplace_back("imageId", CreatedBy{0});
    Batch batch;
    batch.operations.emplace_back(std::move(image));
    batch.operations.emplace_back(std::move(map));
    auto committing = request.hands.store->commit(std::move(batch), Deadline::in(*clock, kWait));
    auto committed = co_await std::move(committing);
    // Another request made it at the same moment.
    if (!committed && committed.error().code() != Errc::conflict) co_return committed.error();
    if (committed) {
        auto begun =
            co_await begin(request.hands.engine, clock, "imagestoragepoolmap.create", committed->changed[1].id);
        if (!begun) co_return begun.error();
    }
    co_return ok;
}

/// True when an external pool takes the uuid, and the image is written.
Async<Result<bool>> register_image(CreateRequest request, Clock* clock, std::string uuid) {
    Query query;
    query.type = "storagePool";
    query.where = {is("external", true), is("state", "active"), is_null("removed")};
    query.limit = 1'000;
    auto asking = request.hands.store->query(std::move(query), Consistency::primary(), Deadline::in(*clock, kWait));
    auto pools = co_await std::move(asking);
    if (!pools) co_return pools.error();
    for (auto& row : pools->rows) {
        auto made = image_template(row.record["kind"].text(), uuid);
        if (!made) continue;
        auto writing = write_image(request, clock, uuid, std::move(row.record), std::move(*made));
        auto written = co_await std::move(writing);
        if (!written) co_return written.error();
        co_return true;
    }
    co_return false;
}

/// How many volumes beside the first one are asked for, which only `data` can say.
std::size_t volumes_in(const json::object& values) {
    const auto* data = values.if_contains("data");
    const auto* fields = data && data->is_object() ? data->as_object().if_contains("fields") : nullptr;
    const auto* offerings =
        fields && fields->is_object() ? fields->as_object().if_contains("volumeOfferingIds") : nullptr;
    return offerings && offerings->is_array() ? offerings->as_array().size() : 0;
}

Async<Result<json::object>> resolve_image(CloudPtr cloud, CreateRequest request) {
    auto& engine = *request.hands.engine;
    auto values = request.values;
    if (volumes_in(values) > kMostVolumes)
        co_return refused("MaxLimitExceeded", "volumeOfferingIds",
                          "a machine has at most " + std::to_string(kMostVolumes) + " volumes");
    std::optional<Record> image;
    const auto* named = values.if_contains("imageUuid");
    const bool has_uuid = named && named->is_string() && !named->as_string().empty();
    if (has_uuid) {
        const std::string uuid(named->as_string());
        auto finding = find_image(request, &cloud->clock, uuid);
        auto found = co_await std::move(finding);
        if (!found) co_return found.error();
        if (!*found) co_return refused("InvalidReference", "imageUuid", "there is no image " + uuid);
        image = std::move(**found);
        values["imageId"] = image->id();
    }
    const auto* id = values.if_contains("imageId");
    const bool has_id = id && !id->is_null();
    if (!has_id && is_on(engine.setting("api.instance.require.image"), true))
        co_return refused("MissingRequired", "imageUuid", "a machine needs an image");
    if (has_id && !image) {
        const auto number = id->is_int64() ? id->as_int64() : to_number(id->is_string() ? id->as_string() : "", 0);
        auto found = co_await first(request.hands.store, &cloud->clock, "image", "id", Value(number));
        if (!found) co_return found.error();
        if (!*found) co_return refused("InvalidReference", "imageId", "there is no image " + std::to_string(number));
        image = std::move(**found);
    }
    const auto kind = image ? (*image)["instanceKind"].text() : std::string_view();
    if (!kind.empty() && kind != request.type)
        co_return refused("INVALID_IMAGE_INSTANCE_KIND", "imageUuid",
                          "the image is for a " + std::string(kind) + ", not for a " + request.type, 400);
    co_return values;
}

}  // namespace

Async<Result<std::optional<Record>>> find_image(CreateRequest request, Clock* clock, std::string uuid) {
    for (int look = 0; look < 2; ++look) {
        auto found = co_await first(request.hands.store, clock, "image", "uuid", Value(uuid));
        if (!found) co_return found.error();
        if (*found) {
            if (!(*found)->operator[]("removed").is_null() || !sees(request, **found)) break;
            // Also of a request whose server died before it got here.
            if ((**found)["state"].text() == "requested") {
                auto begun = co_await begin(request.hands.engine, clock, "image.create", (*found)->id());
                if (!begun) co_return begun.error();
            }
            co_return std::move(*found);
        }
        if (look > 0) break;
        auto registering = register_image(request, clock, uuid);
        auto registered = co_await std::move(registering);
        if (!registered) co_return registered.error();
        if (!*registered) break;
    }
    co_return std::optional<Record>();
}

CreateFilter instance_filter(CloudPtr cloud) {
    CreateFilter filter;
    filter.types = {"container", "virtualMachine"};
    filter.call = [cloud](CreateRequest request) { return resolve_image(cloud, std::move(request)); };
    return filter;
}

}  // namespace drover::cloud
