#include "seeds.hpp"

#include "types/types.hpp"

namespace drover::cloud {
namespace {

Seed account(const char* name, const char* state) {
    return {"account", {{"uuid", name}, {"kind", name}, {"name", name}, {"state", state}}};
}

}  // namespace

std::vector<Seed> seeds() {
    // The first row of each gets id 1: the administrator's, and the zone that everything is in.
    return {account(kAdminAccount, "active"), account(kSystemAccount, "inactive"), account("superadmin", "inactive"),
            Seed{"zone", {{"uuid", kFirstZone}, {"kind", "zone"}, {"name", kFirstZone}, {"state", "active"}}}};
}

}  // namespace drover::cloud
