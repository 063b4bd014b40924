#include "drover/conformance/store_kit.hpp"

namespace {

using namespace drover;

/// The file lies in server.home, which is the world's folder: each case has a new one.
struct SqliteStore final : conformance::Backend {
    std::string library() const override { return "sqlite.so"; }
    conformance::Options options(std::string_view) override { return {}; }
};

const auto kCases = conformance::run_store_conformance<SqliteStore>("sqlite");

}  // namespace
