#include "drover/engine/extension.hpp"
#include "drover/plugin.hpp"

// A plugin that extends an interface of a version that this Drover does not have yet.
namespace {

using namespace drover;

ProvidedService newer() {
    auto extended = extension<ModelExtension>();
    ++extended.version;
    return extended;
}

}  // namespace

DROVER_PLUGIN("test.newer-extender", "9.0.0",
              {
                  .summary = "Extends the model of tomorrow",
                  .extends = {newer()},
                  .create = [](const Config&, Context&) -> Result<std::unique_ptr<Plugin>> {
                      return Error(Errc::unsupported, "it is never created");
                  },
              });
