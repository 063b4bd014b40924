#include "drover/conformance/lock_kit.hpp"
#include "memory_backend.hpp"

namespace {
const auto kCases = drover::conformance::run_lock_conformance<drover::memory::MemoryBackend>("memory");
}
