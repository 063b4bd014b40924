#include <unistd.h>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <thread>

#include "drover/plugin.hpp"
#include "drover/services/lock.hpp"

// A plugin that throws or hangs in the verbs that its options name, or leaves something behind.
namespace {

using namespace drover;

[[noreturn]] void hang() {
    for (;;) pause();
}

/// What the options ask for.
struct Mischief {
    explicit Mischief(const Config& config) : throws(config.list("throw-in")), hangs(config.list("hang-in")) {}
    static bool has(const std::vector<std::string>& list, std::string_view verb) {
        return std::find(list.begin(), list.end(), verb) != list.end();
    }
    void in(const std::string& verb, const Context& context) const {
        context.log().info("verb " + verb + " called");
        if (has(throws, verb)) throw std::runtime_error("mischief in " + verb);
        if (has(hangs, verb)) hang();
    }
    std::vector<std::string> throws;
    std::vector<std::string> hangs;
};

Async<Result<void>> never(std::shared_ptr<Gate> gate) {
    // Whoever cancels this is not heard.
    co_await boost::asio::this_coro::reset_cancellation_state(boost::asio::disable_cancellation());
    co_return co_await gate->wait();
}

class Misbehaving final : public Plugin, LockService {
public:
    Misbehaving(const Config& config, Context& context) : context_(context), mischief_(config) {
        leave_ = config.text("leave");
    }
    std::vector<Offer> offers() override { return {offer<LockService>(*this)}; }
    Result<void> start(Deadline) override {
        mischief_.in("start", context_);
        if (leave_ == "thread") std::thread(hang).detach();
        if (leave_ == "task")
            context_.tasks().spawn("stray", [gate = gate_]() -> Async<void> { (void)co_await never(gate); });
        return ok;
    }
    Result<void> drain(Deadline) override {
        mischief_.in("drain", context_);
        return ok;
    }
    Result<void> stop(Deadline) override {
        mischief_.in("stop", context_);
        return ok;
    }
    Health health() const override {
        mischief_.in("health", context_);
        return Health::good();
    }
    Result<void> reconfigure(const Config&) override {
        mischief_.in("reconfigure", context_);
        return ok;
    }

    Async<Result<Lease>> acquire(std::string, Deadline) override {
        mischief_.in("call", context_);
        if (Mischief::has(mischief_.hangs, "wait")) {
            auto waited = co_await never(gate_);
            if (!waited) co_return waited.error();
        }
        co_return Error(Errc::busy, "nobody gets a lock here");
    }
    Async<Result<void>> release(Lease) override { co_return ok; }
    Async<Result<std::optional<LockHolder>>> holder(std::string) override { co_return std::optional<LockHolder>(); }

private:
    Context& context_;
    const Mischief mischief_;
    std::string leave_;
    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();  // owners: this and what waits in front of it
};

}  // namespace

DROVER_PLUGIN(
    "test.misbehaving", "1.0.0",
    {
        .summary = "A plugin that misbehaves as its options say",
        .provides = {service<LockService>()},
        .options =
            {
                list("throw-in", "", "Verbs that throw: create, start, drain, stop, health, reconfigure, call."),
                list("hang-in", "", "Verbs that hang: the same, and wait, a call that waits and ignores its caller."),
                choice("leave", "nothing", {"nothing", "thread", "task"}, "What is left behind after stop."),
                text("value", "", "Something to change.").live(),
            },
        .create = [](const Config& config, Context& context) -> Result<std::unique_ptr<Plugin>> {
            Mischief(config).in("create", context);
            return std::unique_ptr<Plugin>(std::make_unique<Misbehaving>(config, context));
        },
    });
