#include <drover/conformance/lock_kit.hpp>

namespace {

/// How the kit's cases get this plugin: one world for each case, one instance for each server in it.
struct ExampleLocks : drover::conformance::Backend {
    std::string library() const override { return PLUGIN_FILE; }
    drover::conformance::Options options(std::string_view) override {
        return {{"area", folder()}, {"session-ttl", "1s"}};
    }
};

const auto kCases = drover::conformance::run_lock_conformance<ExampleLocks>("example");

}  // namespace
