#include "settings.hpp"

#include <charconv>

namespace drover::engine {
namespace {

/// A change by another source than the store shows after this long.
constexpr auto kFresh = std::chrono::milliseconds(500);

constexpr std::string_view kDatabase = "Database";

/// The words that clients of the settings API know.
std::string source_name(const std::string& source) {
    if (source == "database") return std::string(kDatabase);
    if (source == "default" || source.empty()) return "Code Packaged Defaults";
    if (source.starts_with("environment")) return "Environment Variables";
    if (source.starts_with("-D")) return "Java system properties";
    return source;
}

}  // namespace

std::shared_ptr<const Settings::Snapshot> Settings::snapshot() {
    const auto now = context_.clock().now();
    std::map<std::string, std::string> stored;
    {
        const std::lock_guard lock(mutex_);
        if (snapshot_ && now - snapshot_->made < kFresh) return snapshot_;
        stored = stored_;
    }
    auto made = std::make_shared<Snapshot>();
    made->made = now;
    for (auto& setting : context_.settings()) {
        auto key = setting.key;
        made->known.emplace(std::move(key), std::move(setting));
    }
    made->stored.insert(stored.begin(), stored.end());
    const std::lock_guard lock(mutex_);
    snapshot_ = made;
    return made;
}

std::string Settings::get(std::string_view key) { return find(key).value_or(std::string()); }

std::optional<std::string> Settings::find(std::string_view key) {
    const auto now = snapshot();
    if (const auto known = now->known.find(key); known != now->known.end()) {
        if (known->second.is_secret) return std::nullopt;
        if (known->second.value) return known->second.value;
        if (known->second.fallback) return known->second.fallback;
    }
    const auto stored = now->stored.find(key);
    if (stored == now->stored.end()) return std::nullopt;
    return stored->second;
}

std::int64_t Settings::integer(std::string_view key, std::int64_t otherwise) {
    const auto text = get(key);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : otherwise;
}

double Settings::real(std::string_view key, double otherwise) {
    const auto text = get(key);
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size() ? number : otherwise;
}

bool Settings::flag(std::string_view key, bool otherwise) {
    const auto text = get(key);
    if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
    if (text == "false" || text == "no" || text == "off" || text == "0") return false;
    return otherwise;
}

std::chrono::milliseconds Settings::duration(std::string_view key, std::chrono::milliseconds otherwise) {
    const auto text = get(key);
    if (text.empty()) return otherwise;
    Option shape;
    shape.name = "value";
    shape.type = OptionType::duration;
    const auto parsed = parse_option(shape, text);
    if (parsed) return std::get<std::chrono::milliseconds>(*parsed);
    return std::chrono::milliseconds(integer(key, otherwise.count()));
}

std::vector<SettingValue> Settings::all() {
    const auto now = snapshot();
    std::vector<SettingValue> all;
    for (const auto& [key, known] : now->known) {
        SettingValue value;
        value.key = key;
        value.secret = known.is_secret;
        if (!known.is_secret && known.value) value.value = *known.value;
        value.source = source_name(known.source);
        all.push_back(std::move(value));
    }
    for (const auto& [key, text] : now->stored)
        if (!now->known.contains(key)) all.push_back({key, text, std::string(kDatabase), false});
    return all;
}

bool Settings::offer(std::map<std::string, std::string> stored) {
    {
        const std::lock_guard lock(mutex_);
        if (offered_ && stored == stored_) return false;
        offered_ = true;
        stored_ = stored;
    }
    context_.offer_settings(std::move(stored));
    forget();
    return true;
}

void Settings::forget() {
    const std::lock_guard lock(mutex_);
    snapshot_.reset();
}

}  // namespace drover::engine
