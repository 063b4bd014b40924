#pragma once

#include "drover/conformance/faults.hpp"

namespace drover::conformance::detail {

inline Error no_answer(const std::string& verb) {
    return Error(Errc::timeout, "the fault plan let no answer to " + verb + " arrive");
}

/// One call of `verb` under the plan.
template <class T, class F>
Async<Result<T>> inject(FaultPlan& plan, Clock& clock, Deadline deadline, std::string verb, F call) {
    const auto drawn = plan.draw();
    if (drawn.fault == Fault::refuse) co_return Error(Errc::unavailable, "the fault plan refused " + verb);
    if (drawn.fault == Fault::lose) co_return no_answer(verb);
    if (drawn.fault == Fault::delay) {
        const auto waited = co_await sleep_until(clock, Deadline::in(clock, drawn.delay).earlier(deadline));
        if (!waited) co_return waited.error();
    }
    auto running = call();
    auto result = co_await std::move(running);
    if (drawn.fault == Fault::execute_and_time_out) co_return no_answer(verb);
    co_return result;
}

}  // namespace drover::conformance::detail
