// The headers that nearly every source needs. Boost.Beast, Pistache and Poco stay out of it.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "drover/plugin.hpp"
#include "drover/services/event_bus.hpp"
#include "drover/services/http_front.hpp"
#include "drover/services/lock.hpp"
#include "drover/services/membership.hpp"
#include "drover/services/store.hpp"
