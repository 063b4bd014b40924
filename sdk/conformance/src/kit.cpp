#include "drover/conformance/kit.hpp"

namespace drover::conformance {

std::size_t register_cases(const std::vector<Case>& cases, const std::string& kit, const std::string& backend_name,
                           BackendFactory factory) {
    const auto suite = kit + "/" + backend_name;
    for (const auto& one : cases) {
        testing::RegisterTest(suite.c_str(), one.name.c_str(), nullptr, nullptr, one.file, one.line,
                              [make = one.make, factory]() -> KitCase* {
                                  auto* const fixture = make();
                                  fixture->set_factory(factory);
                                  return fixture;
                              });
    }
    return cases.size();
}

}  // namespace drover::conformance
