#include "drover/plugin.hpp"

extern "C" int only_in_a_library_that_is_gone();

DROVER_PLUGIN("test.missing-library", "1.2.3",
              {
                  .summary = "A plugin that depends on a library that is not there",
                  .create = [](const drover::Config&,
                               drover::Context&) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      if (only_in_a_library_that_is_gone() != 0)
                          return drover::Error(drover::Errc::internal, "unexpected");
                      return std::make_unique<drover::Plugin>();
                  },
              });
