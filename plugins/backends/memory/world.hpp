#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <typeindex>

namespace drover::memory {

/// What the instances of one world share. Each service keeps its state here as a part of its own class,
/// made at its first use, so that the services know nothing of each other.
///
/// Thread-safety: every method may be called from any thread; parts guard themselves.
class World {
public:
    /// The world of that name in this process, for as long as somebody holds it; an empty name gives a new
    /// one that nobody else finds.
    static std::shared_ptr<World> open(const std::string& name);

    template <class Part>
    Part& part() {
        const std::lock_guard lock(mutex_);
        auto& slot = parts_[typeid(Part)];
        if (!slot) slot = std::make_shared<Part>();
        return *static_cast<Part*>(slot.get());
    }

private:
    std::mutex mutex_;
    std::map<std::type_index, std::shared_ptr<void>> parts_;  // guarded by mutex_; shared_ptr keeps the deleter
};

using WorldPtr = std::shared_ptr<World>;  // owners: the instances that live in it

}  // namespace drover::memory
