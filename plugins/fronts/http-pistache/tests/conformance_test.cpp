#include "drover/conformance/http_kit.hpp"

namespace {

using namespace drover;

struct PistacheFront final : conformance::HttpFrontBackend {
    std::string library() const override { return "http-pistache.so"; }
    conformance::Options options(std::string_view) override { return {}; }
};

const auto kCases = conformance::run_http_conformance<PistacheFront>("pistache");

}  // namespace
