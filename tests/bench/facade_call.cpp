// An Async call through a facade into a plugin, against the same call of the same class inside this program.
#include "echo.hpp"
#include "support.hpp"

namespace drover::bench {
namespace {

constexpr int kCalls = 400'000;
constexpr int kRounds = 11;

using Verb = Async<Result<std::int64_t>> (Echo::*)(std::int64_t);

/// Nanoseconds for each call.
double measure(host::Runtime& runtime, Echo& echo, Verb verb) {
    const double seconds = run_all(runtime, 1, [&echo, verb](std::size_t) -> Async<void> {
        for (int call = 0; call < kCalls; ++call) {
            auto answer = co_await (echo.*verb)(call);
            if (!answer) throw std::runtime_error(answer.error().message());
        }
    });
    return seconds / kCalls * 1e9;
}

void compare(host::Runtime& runtime, Echo& direct, Echo& facade, Verb verb, const std::string& name,
             const std::string& aim) {
    std::vector<double> alone, through;
    for (int round = 0; round < kRounds; ++round) {
        alone.push_back(measure(runtime, direct, verb));
        through.push_back(measure(runtime, facade, verb));
    }
    report(name, median(through), "ns", "the same call inside one binary", median(alone), aim);
}

}  // namespace
}  // namespace drover::bench

int main() {
    using namespace drover::bench;
    drover::host::Runtime runtime(1);
    LoadedPlugin plugin(runtime, own_folder() + "/bench_echo.so", {}, scratch("facade_call"));
    const std::unique_ptr<Echo> direct = std::make_unique<EchoService>();
    compare(runtime, *direct, plugin.get<Echo>(), &Echo::add_later, "facade_call", "at most 1.2");
    compare(runtime, *direct, plugin.get<Echo>(), &Echo::add, "facade_call_on_the_spot", "");
}
