#pragma once

#include <vector>

#include "drover/engine/extension.hpp"

namespace drover::cloud {

/// The accounts and the zone that every deployment begins with.
std::vector<Seed> seeds();

}  // namespace drover::cloud
