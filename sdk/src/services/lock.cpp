#include "drover/services/lock.hpp"

namespace drover {
namespace {

class LockFacade final : public LockService {
public:
    explicit LockFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    Async<Result<Lease>> acquire(std::string name, Deadline deadline) override {
        if (name.empty() || name.size() > kLongestName || !printable(name))
            co_return Error(Errc::invalid, "a lock name of " + std::to_string(name.size()) +
                                               " bytes was given; expected 1 to 255 bytes of printable ASCII");
        auto lease = co_await guarded<LockService, Lease>(
            *binding_, "acquire", [&](LockService& locks) { return locks.acquire(std::move(name), deadline); });
        if (lease) lease->token.generation = binding_->generation();
        co_return lease;
    }
    Async<Result<void>> release(Lease lease) override {
        return guarded<LockService, void>(
            *binding_, "release", [lease = std::move(lease)](LockService& locks) { return locks.release(lease); });
    }
    Async<Result<std::optional<LockHolder>>> holder(std::string name) override {
        auto holder = co_await guarded<LockService, std::optional<LockHolder>>(
            *binding_, "holder", [&](LockService& locks) { return locks.holder(std::move(name)); });
        if (holder && *holder) (*holder)->token.generation = binding_->generation();
        co_return holder;
    }

private:
    static bool printable(std::string_view name) {
        for (const char c : name)
            if (c < ' ' || c > '~') return false;
        return true;
    }
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

template <>
std::shared_ptr<LockService> make_facade<LockService>(std::shared_ptr<Binding> binding) {
    return std::make_shared<LockFacade>(std::move(binding));
}

}  // namespace drover
