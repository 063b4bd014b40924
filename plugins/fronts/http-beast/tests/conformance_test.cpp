#include "drover/conformance/http_kit.hpp"

namespace {

struct BeastFront : drover::conformance::HttpFrontBackend {
    std::string library() const override { return "http-beast.so"; }
    drover::conformance::Options options(std::string_view) override { return {}; }
};

const auto kCases = drover::conformance::run_http_conformance<BeastFront>("beast");

}  // namespace
