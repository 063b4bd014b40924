// Descriptions of plugins as JSON: written by a child process that ran foreign code, and kept in a file.
#include "catalogue/catalogue.hpp"
#include "fuzz.hpp"

using namespace drover;
using fuzz::expect;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto plugin = core::plugin_from_json(fuzz::text_of(data, size));
    if (!plugin) return 0;
    const auto written = core::to_json(*plugin);
    const auto again = core::plugin_from_json(written);
    expect(again.has_value(), "what was read can be written and read again", written);
    expect(core::to_json(*again) == written, "what was read again is the same", written);
    (void)plugin->title();
    (void)plugin->short_name();
    for (const auto& option : plugin->options) (void)parse_option(option, option.fallback.value_or("7"));
    return 0;
}
