#pragma once

#include "drover/conformance/backend.hpp"

namespace drover::memory {

/// Each case has a world of its own, which all its servers share.
struct MemoryBackend : conformance::Backend {
    std::string library() const override { return "memory.so"; }
    conformance::Options options(std::string_view) override { return {{"world", folder()}, {"session-ttl", "800ms"}}; }
};

}  // namespace drover::memory
