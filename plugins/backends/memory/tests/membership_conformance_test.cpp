#include "drover/conformance/membership_kit.hpp"
#include "memory_backend.hpp"

namespace {
const auto kCases = drover::conformance::run_membership_conformance<drover::memory::MemoryBackend>("memory");
}
