#include "drover/conformance/store_kit.hpp"
#include "memory_backend.hpp"

namespace {
const auto kCases = drover::conformance::run_store_conformance<drover::memory::MemoryBackend>("memory");
}
