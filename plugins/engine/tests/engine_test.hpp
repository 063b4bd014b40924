#pragma once

#include "engine_world.hpp"

namespace drover::engine_tests {

/// Every case runs on each store.
class EngineTest : public ::testing::TestWithParam<std::string> {
protected:
    EngineTest() : world(GetParam()) {}
    EngineWorld world;

    /// Logic that says nothing and counts.
    static ThingPlugin::Call counting(std::shared_ptr<Count> count) {
        return [count](const ProcessRunPtr&) -> Async<Result<LogicResult>> { return count_up(count); };
    }
    static Async<Result<LogicResult>> count_up(std::shared_ptr<Count> count) {
        (*count)++;
        co_return LogicResult{};
    }
    static ThingPlugin::Call answering(LogicResult result) {
        return [result](const ProcessRunPtr&) { return answer(result); };
    }
    static Async<Result<LogicResult>> answer(LogicResult result) { co_return result; }
    static ThingPlugin::Call failing(Error error, std::shared_ptr<Count> count = std::make_shared<Count>()) {
        return [error, count](const ProcessRunPtr&) { return fail(error, count); };
    }
    static Async<Result<LogicResult>> fail(Error error, std::shared_ptr<Count> count) {
        (*count)++;
        co_return error;
    }
};

inline std::string store_name(const ::testing::TestParamInfo<std::string>& info) { return info.param; }

}  // namespace drover::engine_tests
