#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "drover/host/instance.hpp"
#include "drover/host/runtime.hpp"

/// What benchmarks share: a plugin loaded as the kernel loads it, figures, and their line of JSON.
namespace drover::bench {

using Seconds = std::chrono::duration<double>;

/// One instance of a plugin library, started; stopped by the destructor.
class LoadedPlugin {
public:
    /// `library` without a folder is one of Drover's own plugins. Throws std::runtime_error.
    LoadedPlugin(host::Runtime& runtime, const std::string& library, const std::map<std::string, std::string>& options,
                 const std::string& home);
    ~LoadedPlugin();
    LoadedPlugin(const LoadedPlugin&) = delete;
    LoadedPlugin& operator=(const LoadedPlugin&) = delete;

    /// The facade, as other plugins get it.
    template <class Interface>
    Interface& get() {
        for (const auto& service : instance_->services())
            if (service.declared.id == Interface::kId) return *static_cast<Interface*>(service.facade.get());
        throw std::runtime_error(instance_->name() + " does not provide " + std::string(Interface::kId));
    }

private:
    Metrics metrics_;
    std::unique_ptr<host::Instance> instance_;
};

/// Starts `tasks` coroutines made by `make(number)` at once and returns the seconds until the last ended.
double run_all(host::Runtime& runtime, std::size_t tasks, const std::function<Async<void>(std::size_t)>& make);

/// A folder on the disk that holds the build, emptied first; /tmp may be memory.
std::string scratch(const std::string& name);
/// Folder of the program that runs.
std::string own_folder();

double median(std::vector<double> values);
/// `part` of 1: percentile(values, 0.99).
double percentile(std::vector<double>& values, double part);

/// Prints one line: name, figure, unit, peer, its figure and the ratio of the two.
void report(const std::string& name, double figure, const std::string& unit, const std::string& peer,
            double peer_figure, const std::string& aim = {});

}  // namespace drover::bench
