#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "drover/error.hpp"

namespace [[gnu::visibility("default")]] drover {

enum class LogLevel : unsigned char { debug, info, warning, error };

/// A named fact beside a log sentence. Never put a secret in one.
struct LogField {
    using Value = std::variant<std::string_view, std::int64_t, double, bool>;
    std::string_view name;
    Value value;

    LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
    LogField(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
    LogField(std::string_view field, const std::string& text) : name(field), value(std::string_view(text)) {}
    LogField(std::string_view field, bool flag) : name(field), value(flag) {}
    LogField(std::string_view field, std::floating_point auto number)
        : name(field), value(static_cast<double>(number)) {}
    LogField(std::string_view field, std::integral auto number)
        : name(field), value(static_cast<std::int64_t>(number)) {}
};

/// Where log lines go. The kernel installs one; tests may install their own.
/// Thread-safety: `write` may be called from any thread.
class LogSink {
public:
    virtual ~LogSink() = default;
    virtual void write(LogLevel level, std::string_view source, std::string_view message,
                       std::initializer_list<LogField> fields) = 0;
};

enum class LogFormat : unsigned char { text, json };
/// Lines on standard error (or to `path`): for people by default, JSON objects by option. On spdlog.
std::shared_ptr<LogSink> make_log_sink(LogFormat format, LogLevel least, const std::string& path = {});
/// Drops everything.
std::shared_ptr<LogSink> make_null_log_sink();

/// A sentence and named facts: `log.info("store opened", {{"path", path}, {"ms", 12}})`.
/// Thread-safety: every method may be called from any thread.
class Logger {
public:
    /// `source` is who speaks: a plugin's instance name, or "kernel".
    Logger(std::shared_ptr<LogSink> sink, std::string source) : sink_(std::move(sink)), source_(std::move(source)) {}

    using Fields = std::initializer_list<LogField>;
    void debug(std::string_view message, Fields fields = {}) const { write(LogLevel::debug, message, fields); }
    void info(std::string_view message, Fields fields = {}) const { write(LogLevel::info, message, fields); }
    void warning(std::string_view message, Fields fields = {}) const { write(LogLevel::warning, message, fields); }
    void error(std::string_view message, Fields fields = {}) const { write(LogLevel::error, message, fields); }

    Logger named(std::string source) const { return Logger(sink_, std::move(source)); }

private:
    void write(LogLevel level, std::string_view message, Fields fields) const {
        sink_->write(level, source_, message, fields);
    }
    std::shared_ptr<LogSink> sink_;  // owners: every logger made from it
    std::string source_;
};

}  // namespace drover
