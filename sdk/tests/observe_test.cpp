#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

#include "drover/http/local_only.hpp"
#include "drover/log.hpp"
#include "drover/metrics.hpp"

namespace drover {
namespace {

std::vector<std::string> lines_logged(LogFormat format, const std::function<void(const Logger&)>& log) {
    auto pattern = (std::filesystem::temp_directory_path() / "drover-log-XXXXXX").string();
    const int file = mkstemp(pattern.data());
    EXPECT_GE(file, 0);
    close(file);
    {
        const Logger logger(make_log_sink(format, LogLevel::info, pattern), "kernel");
        log(logger);
    }
    std::ifstream in(pattern);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    std::filesystem::remove(pattern);
    return lines;
}

TEST(Log, ALineStaysOneLineWhateverIsInIt) {
    const auto lines = lines_logged(LogFormat::text, [](const Logger& log) {
        log.info("two\nlines", {{"path", "a b"}, {"count", 3}, {"plain", "x"}, {"yes", true}});
        log.debug("not shown");
    });
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NE(lines[0].find(R"(two\nlines path="a b" count=3 plain=x yes=true)"), std::string::npos) << lines[0];
}

TEST(Log, JsonLinesAreJson) {
    const auto lines = lines_logged(LogFormat::json, [](const Logger& log) {
        log.named("sqlite").error("it \"broke\"\n", {{"path", "\"\\\x01"}, {"ratio", 0.5}});
    });
    ASSERT_EQ(lines.size(), 1U);
    const auto parsed = boost::json::parse(lines[0]).as_object();
    EXPECT_EQ(parsed.at("message").as_string(), "it \"broke\"\n");
    EXPECT_EQ(parsed.at("source").as_string(), "sqlite");
    EXPECT_EQ(parsed.at("level").as_string(), "error");
    EXPECT_EQ(parsed.at("path").as_string(), "\"\\\x01");
    EXPECT_EQ(parsed.at("ratio").as_double(), 0.5);
}

TEST(Metrics, TheSameNameAndLabelsAreTheSameObject) {
    Metrics metrics;
    auto& first = metrics.counter("drover_test_total", "Tests.", {{"kind", "a"}});
    EXPECT_EQ(&first, &metrics.counter("drover_test_total", "Tests.", {{"kind", "a"}}));
    EXPECT_NE(&first, &metrics.counter("drover_test_total", "Tests.", {{"kind", "b"}}));
    first.add(2);
    metrics.gauge("drover_test_depth", "Depth.").set(7);
    metrics.histogram("drover_test_seconds", "Time.").observe(0.002);
    const auto text = metrics.render();
    for (const auto* line : {"drover_test_total{kind=\"a\"} 2", "drover_test_depth 7",
                             "drover_test_seconds_bucket{le=\"0.0025\"} 1", "drover_test_seconds_count 1"})
        EXPECT_NE(text.find(line), std::string::npos) << line << " is missing in\n" << text;
}

TEST(Metrics, CountersAreExactUnderThreads) {
    Metrics metrics;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 10'000; ++n) metrics.counter("drover_race_total", "Race.").add();
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(metrics.counter("drover_race_total", "Race.").value(), 40'000);
}

HttpRequest request_with(std::string host, std::string origin) {
    HttpRequest request;
    if (!host.empty()) request.headers.add("Host", std::move(host));
    if (!origin.empty()) request.headers.add("Origin", std::move(origin));
    return request;
}

TEST(LocalOnly, OnlyThisMachineMayAsk) {
    for (const auto* host : {"localhost", "LOCALHOST:8080", "127.0.0.1:8080", "127.8.9.1", "[::1]:8080"})
        EXPECT_TRUE(check_local_origin(request_with(host, ""))) << host;
    for (const auto* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:8080",
                             "[2001:db8::1]:8080", "[::1"})
        EXPECT_FALSE(check_local_origin(request_with(host, ""))) << host;
    EXPECT_TRUE(check_local_origin(request_with("localhost", "http://localhost:3000")));
    for (const auto* origin : {"http://evil.example", "null", "https://127.0.0.1.evil.example"})
        EXPECT_FALSE(check_local_origin(request_with("localhost", origin))) << origin;
    EXPECT_TRUE(check_loopback_only({"127.0.0.1", 1}, "api.listen"));
    EXPECT_FALSE(check_loopback_only({"0.0.0.0", 1}, "api.listen"));
}

}  // namespace
}  // namespace drover
