#include "drover/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

namespace drover {
namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return spdlog::level::debug;
        case LogLevel::info: return spdlog::level::info;
        case LogLevel::warning: return spdlog::level::warn;
        case LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::string_view name_of(LogLevel level) {
    switch (level) {
        case LogLevel::debug: return "debug";
        case LogLevel::info: return "info";
        case LogLevel::warning: return "warning";
        case LogLevel::error: return "error";
    }
    return "info";
}

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(text)); }

bool plain(std::string_view text) {
    if (text.empty()) return false;
    for (const unsigned char c : text)
        if (c <= ' ' || c == '"' || c == '=' || c >= 0x7f) return false;
    return true;
}

std::string as_text(const LogField::Value& value, bool json) {
    if (const auto* text = std::get_if<std::string_view>(&value))
        return !json && plain(*text) ? std::string(*text) : quoted(*text);
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* real = std::get_if<double>(&value)) return fmt::format("{}", *real);
    return std::get<bool>(value) ? "true" : "false";
}

/// A message must stay one line whatever somebody put into it.
std::string one_line(std::string_view text) {
    std::string line;
    line.reserve(text.size());
    for (const char c : text) {
        if (c == '\n') line += "\\n";
        else if (static_cast<unsigned char>(c) < ' ') line += ' ';
        else line += c;
    }
    return line;
}

class SpdlogSink final : public LogSink {
public:
    SpdlogSink(LogFormat format, LogLevel least, const std::string& path) : format_(format) {
        std::shared_ptr<spdlog::sinks::sink> sink;
        if (path.empty()) sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
        else sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
        logger_ = std::make_unique<spdlog::logger>("drover", std::move(sink));
        logger_->set_level(to_spdlog(least));
        logger_->set_pattern(format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v",
                             spdlog::pattern_time_type::utc);
        logger_->flush_on(spdlog::level::debug);
    }

    void write(LogLevel level, std::string_view source, std::string_view message,
               std::initializer_list<LogField> fields) override {
        if (!logger_->should_log(to_spdlog(level))) return;
        std::string line;
        if (format_ == LogFormat::json) {
            const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
            line = fmt::format(R"({{"time":{},"level":"{}","source":{},"message":{})", now.time_since_epoch().count(),
                               name_of(level), quoted(source), quoted(message));
            for (const auto& field : fields)
                line += fmt::format(",{}:{}", quoted(field.name), as_text(field.value, true));
            line += "}";
        } else {
            line = fmt::format("{:<12} {}", source, one_line(message));
            for (const auto& field : fields) line += fmt::format(" {}={}", field.name, as_text(field.value, false));
        }
        logger_->log(to_spdlog(level), "{}", line);
    }

private:
    LogFormat format_;
    std::unique_ptr<spdlog::logger> logger_;
};

class NullSink final : public LogSink {
public:
    void write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override {}
};

}  // namespace

std::shared_ptr<LogSink> make_log_sink(LogFormat format, LogLevel least, const std::string& path) {
    return std::make_shared<SpdlogSink>(format, least, path);
}
std::shared_ptr<LogSink> make_null_log_sink() { return std::make_shared<NullSink>(); }

}  // namespace drover
