// A secret that somebody chose is hashed before it is written anywhere.
#include "drover/blocking.hpp"
#include "drover/secrets.hpp"
#include "filters/filters.hpp"

namespace drover::cloud {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

Async<Result<json::object>> hash_secret(CloudPtr cloud, CreateRequest request) {
    auto values = std::move(request.values);
    auto* given = values.if_contains("secretValue");
    if (!given || given->is_null()) co_return values;
    const auto secret = std::make_shared<std::string>();  // owners: this call and the work it waits for
    if (given->is_string()) *secret = std::string(given->as_string());
    const auto work = [secret] { return hash_chosen_secret(*secret); };
    auto hashing = blocking(*cloud->pool, cloud->clock, Deadline::in(cloud->clock, 20s), work);
    auto hashed = co_await std::move(hashing);
    if (!hashed && hashed.error().code() == Errc::invalid)
        co_return refused(secret->empty() ? "MinLengthExceeded" : "MaxLengthExceeded", "secretValue",
                          hashed.error().message());
    if (!hashed) co_return hashed.error();
    values["secretValue"] = std::move(*hashed);
    // A generated secret that nobody has read is void now.
    if (request.id != 0) values[kSecretOnceField] = nullptr;
    co_return values;
}

}  // namespace

CreateFilter credential_filter(CloudPtr cloud) {
    CreateFilter filter;
    filter.types = {"credential"};
    filter.call = [cloud](CreateRequest request) { return hash_secret(cloud, std::move(request)); };
    filter.on_update = true;
    return filter;
}

}  // namespace drover::cloud
