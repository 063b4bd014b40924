#include "world.hpp"

namespace drover::memory {

std::shared_ptr<World> World::open(const std::string& name) {
    if (name.empty()) return std::make_shared<World>();
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<World>> worlds;  // guarded by mutex
    const std::lock_guard lock(mutex);
    std::erase_if(worlds, [](const auto& entry) { return entry.second.expired(); });
    if (const auto found = worlds.find(name); found != worlds.end())
        if (auto world = found->second.lock()) return world;
    auto world = std::make_shared<World>();
    worlds[name] = world;
    return world;
}

}  // namespace drover::memory
