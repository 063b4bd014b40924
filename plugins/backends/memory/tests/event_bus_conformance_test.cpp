#include "drover/conformance/event_bus_kit.hpp"
#include "memory_backend.hpp"

namespace {
const auto kCases = drover::conformance::run_event_bus_conformance<drover::memory::MemoryBackend>("memory");
}
