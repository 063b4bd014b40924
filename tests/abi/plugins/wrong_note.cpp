#include "drover/plugin.hpp"

// A note written by hand, with one thing changed. Its code is harmless: it must be refused before any of it runs.
namespace {

constexpr drover::abi::Note altered_note() {
    auto note = drover::abi::make_note("test.altered", "1.2.3");
    ALTER;
    return note;
}

}  // namespace

extern "C" {
extern const drover::abi::Note drover_plugin_note;
__attribute__((section(".note.drover"), used, aligned(4))) constinit const drover::abi::Note drover_plugin_note =
    altered_note();

__attribute__((visibility("default"))) const drover::Descriptor* drover_plugin_entry() {
    static const drover::Descriptor descriptor{
        .summary = "A plugin with a note made by hand",
        .create = [](const drover::Config&, drover::Context&) -> drover::Result<std::unique_ptr<drover::Plugin>> {
            return std::make_unique<drover::Plugin>();
        }};
    return &descriptor;
}
}
