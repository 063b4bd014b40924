#include "support.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>

namespace drover::bench {
namespace {

constexpr std::chrono::seconds kVerb{20};

void require(const Result<void>& result) {
    if (!result) throw std::runtime_error(result.error().describe());
}

/// Three significant digits say all that such a figure can.
double rounded(double value) {
    if (value == 0 || !std::isfinite(value)) return value;
    const double scale = std::pow(10, 2 - std::floor(std::log10(std::fabs(value))));
    return std::round(value * scale) / scale;
}

}  // namespace

std::string own_folder() { return std::filesystem::read_symlink("/proc/self/exe").parent_path().string(); }

std::string scratch(const std::string& name) {
    const auto folder = std::filesystem::path(own_folder()) / "scratch" / name;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    return folder.string();
}

LoadedPlugin::LoadedPlugin(host::Runtime& runtime, const std::string& library,
                           const std::map<std::string, std::string>& options, const std::string& home) {
    std::filesystem::path file(library);
    if (!file.has_parent_path()) file = std::filesystem::path(own_folder()) / "../lib/drover/plugins" / library;
    auto loaded = host::Library::load(file, {}).value();
    auto config = Config::make(loaded->descriptor().options, options).value();
    host::HostServices services{
        .executor = runtime.executor(),
        .clock = &runtime.clock(),
        .log = Logger(make_log_sink(LogFormat::text, LogLevel::warning), "bench"),
        .metrics = &metrics_,
        .server = {.id = "bench", .name = "bench", .home = home, .version = "bench", .profile = "bench"},
        .resource_types = std::make_shared<const std::vector<ResourceType>>(),
        .composition = [] { return std::vector<PluginStatus>{}; },
    };
    instance_ = std::make_unique<host::Instance>(loaded->short_name(), loaded, services);
    require(host::Instance::wait([&](auto done) { instance_->create(std::move(config), kVerb, done); }));
    require(host::Instance::wait([&](auto done) { instance_->start(kVerb, done); }));
}

LoadedPlugin::~LoadedPlugin() {
    for (const auto& result : {host::Instance::wait([&](auto done) { instance_->drain(kVerb, done); }),
                               host::Instance::wait([&](auto done) { instance_->stop(kVerb, done); })})
        if (!result) std::cerr << result.error() << "\n";
}

double run_all(host::Runtime& runtime, std::size_t tasks, const std::function<Async<void>(std::size_t)>& make) {
    TaskGroup group(runtime.executor());
    const auto began = std::chrono::steady_clock::now();
    for (std::size_t number = 0; number < tasks; ++number)
        group.spawn("bench", [&make, number] { return make(number); });
    if (!group.join(std::chrono::minutes(10))) throw std::runtime_error("the benchmark did not end in ten minutes");
    return Seconds(std::chrono::steady_clock::now() - began).count();
}

double median(std::vector<double> values) { return percentile(values, 0.5); }

double percentile(std::vector<double>& values, double part) {
    if (values.empty()) return 0;
    const auto at = static_cast<std::size_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
    return values[at];
}

void report(const std::string& name, double figure, const std::string& unit, const std::string& peer,
            double peer_figure, const std::string& aim) {
    boost::json::object line{
        {"name", name}, {"figure", rounded(figure)},           {"unit", unit},
        {"peer", peer}, {"peer_figure", rounded(peer_figure)}, {"ratio", rounded(figure / peer_figure)}};
    if (!aim.empty()) line["aim"] = aim;
    std::cout << line << std::endl;
}

}  // namespace drover::bench
