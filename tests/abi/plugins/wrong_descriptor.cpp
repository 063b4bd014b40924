#include "drover/engine/extension.hpp"
#include "drover/plugin.hpp"
#include "drover/services/event_bus.hpp"
#include "drover/services/lock.hpp"

// A plugin whose descriptor contradicts itself, or its plugin object.
namespace {

using namespace drover;

constexpr std::string_view kMistake = MISTAKE;

template <class T>
std::vector<T> if_mistake(std::string_view mistake, std::vector<T> then, std::vector<T> otherwise = {}) {
    return kMistake == mistake ? std::move(then) : std::move(otherwise);
}

class NoLocks final : public LockService {
public:
    Async<Result<Lease>> acquire(std::string, Deadline) override { co_return Error(Errc::unsupported, "no locks"); }
    Async<Result<void>> release(Lease) override { co_return ok; }
    Async<Result<std::optional<LockHolder>>> holder(std::string) override { co_return std::optional<LockHolder>(); }
};

class WrongPlugin final : public Plugin {
public:
    std::vector<Offer> offers() override {
        if (kMistake == "offers_undeclared") return {offer<LockService>(locks_), Offer{"drover.events", &locks_}};
        return if_mistake<Offer>("offers_nothing", {}, {offer<LockService>(locks_)});
    }

private:
    NoLocks locks_;
};

std::vector<Option> options() {
    if (kMistake == "option_twice") return {text("one", "", "The first."), text("one", "", "The second.")};
    if (kMistake == "wrong_default") return {integer("threads", 99, 1, 8, "How many threads work.")};
    if (kMistake == "option_without_summary") return {text("quiet", "", "")};
    if (kMistake == "two_stars") return {text("wide", "", "Too wide.").at_key("a.*.b.*")};
    return {};
}

std::vector<ProvidedService> provides() {
    if (kMistake == "service_twice") return {service<LockService>(), service<LockService>()};
    if (kMistake == "service_without_slot") return {service<ModelExtension>()};
    return {service<LockService>()};
}

std::vector<ProvidedService> extends() {
    if (kMistake == "extends_twice") return {extension<ModelExtension>(), extension<ModelExtension>()};
    if (kMistake == "extension_with_slot") return {service<EventBus>()};
    if (kMistake == "extends_without_object") return {extension<ModelExtension>()};
    return {};
}

}  // namespace

DROVER_PLUGIN("test.descriptor", "1.2.3",
              {
                  .summary = kMistake == "no_summary" ? "" : "A plugin with a mistake in its descriptor",
                  .provides = provides(),
                  .needs = if_mistake<NeededService>("need_twice", {need<EventBus>(), need<EventBus>()}),
                  .options = options(),
                  .extends = extends(),
                  .collects = if_mistake<CollectedInterface>("collects_twice",
                                                             {collect<ModelExtension>(), collect<ModelExtension>()}),
                  .create = kMistake == "no_create"
                                ? std::function<Result<std::unique_ptr<Plugin>>(const Config&, Context&)>()
                                : [](const Config&, Context&) -> Result<std::unique_ptr<Plugin>> {
                      if (kMistake == "creates_nothing") return std::unique_ptr<Plugin>();
                      return std::unique_ptr<Plugin>(std::make_unique<WrongPlugin>());
                  },
              });
