#include <unistd.h>

#include <cstdlib>

#include "drover/plugin.hpp"

// A good note over a library that cannot be loaded, or has no descriptor.
extern "C" {
extern const drover::abi::Note drover_plugin_note;
__attribute__((section(".note.drover"), used, aligned(4))) constinit const drover::abi::Note drover_plugin_note =
    drover::abi::make_note("test.load", "1.2.3");

#ifdef MISTAKE_undefined_symbol
const drover::Descriptor* nobody_defines_this();
#endif

#ifndef MISTAKE_no_entry
__attribute__((visibility("default"))) const drover::Descriptor* drover_plugin_entry() {
#if defined(MISTAKE_undefined_symbol)
    return nobody_defines_this();
#elif defined(MISTAKE_descriptor_throws)
    throw std::runtime_error("the descriptor is out of order");
#else
    return nullptr;
#endif
}
#endif
}

namespace {

#if defined(MISTAKE_crashes_on_load)
const bool kLoaded = [] {
    std::abort();
    return true;
}();
#elif defined(MISTAKE_hangs_on_load)
const bool kLoaded = [] {
    for (;;) pause();
    return true;
}();
#endif

}  // namespace
