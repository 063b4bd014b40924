#include "control_plane.hpp"

#include <gtest/gtest.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>
#include <csignal>
#include <regex>
#include <sstream>

namespace drover::test {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

std::string base64(std::string_view bytes) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k)
            group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k) text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
    return text;
}

}  // namespace

ApiClient::ApiClient(Address address, std::string user, std::string password) : address_(std::move(address)) {
    if (!user.empty()) authorization_ = "Authorization: Basic " + base64(user + ":" + password) + "\r\n";
}

ApiClient::Answer ApiClient::post(const std::string& target, const json::value& body) {
    return send("POST", target, json::serialize(body), "Content-Type: application/json\r\n");
}

ApiClient::Answer ApiClient::put(const std::string& target, const json::value& body) {
    return send("PUT", target, json::serialize(body), "Content-Type: application/json\r\n");
}

ApiClient::Answer ApiClient::send(const std::string& method, const std::string& target, const std::string& body,
                                  const std::string& more_headers) {
    const auto request = method + " " + target + " HTTP/1.1\r\nHost: " + address_.to_string() + "\r\n" +
                         authorization_ + more_headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                         body;
    const bool fresh = !client_;
    auto answer = try_send(request, method == "HEAD");
    // A connection kept alive may have been closed meanwhile; only what changes nothing is sent again.
    if (answer.status == 0 && !fresh && method == "GET") answer = try_send(request, false);
    return answer;
}

ApiClient::Answer ApiClient::try_send(const std::string& request, bool to_head) {
    try {
        if (!client_) client_.emplace(address_);
        if (client_->send(request)) {
            if (auto raw = client_->answer(to_head)) {
                if (!raw->whole || raw->header("Connection") == "close") client_.reset();
                Answer answer{raw->status, nullptr, raw->body};
                json::error_code failed;
                auto body = json::parse(raw->body, failed);
                if (!failed) answer.body = std::move(body);
                return answer;
            }
        }
    } catch (const std::runtime_error&) {
        // Nobody listens: told by the status.
    }
    client_.reset();
    return {};
}

void ApiClient::pause() {
    if (client_ && !client_->silent_for(20ms)) client_.reset();
}

ControlPlane::ControlPlane(std::vector<std::string> defines) : defines_(std::move(defines)) {}

bool ControlPlane::start() {
    std::vector<std::string> words{drover_program().string(), "server", "--config",
                                   std::string(DROVER_SOURCE_DIR) + "/config/single.properties"};
    std::vector<std::string> all{"server.home=" + home().string(), "api.listen=127.0.0.1:0", "agent.listen=127.0.0.1:0",
                                 "ops.listen=127.0.0.1:0"};
    all.insert(all.end(), defines_.begin(), defines_.end());
    for (const auto& define : all) words.insert(words.end(), {"-D", define});
    process_ = std::make_unique<Process>(Command{.words = std::move(words), .folder = folder_.path()});
    if (!process_->wait_for_line("ready ms=", 60s)) {
        ADD_FAILURE() << "the server did not get ready:\n" << log();
        return false;
    }
    const auto address_of = [&](const std::string& role) {
        std::smatch match;
        const auto said = log();
        const std::regex line(role + R"( +listening address=(\S+))");
        return std::regex_search(said, match, line) ? parse_address(match[1].str()).value() : Address();
    };
    api_ = address_of("api-server");
    agent_ = address_of("agent-server");
    ops_ = address_of("ops");
    return true;
}

void ControlPlane::kill() {
    process_->signal(SIGKILL);
    EXPECT_TRUE(process_->wait()) << "it lives on";
}

bool ControlPlane::stop() {
    process_->signal(SIGTERM);
    const auto ending = process_->wait(60s);
    return ending && *ending == Ending{0, 0};
}

ApiClient ControlPlane::api(const std::string& user, const std::string& password) const {
    return {api_, user, password};
}

ApiClient ControlPlane::agents(const std::string& user, const std::string& password) const {
    return {agent_, user, password};
}

std::optional<double> ControlPlane::metric(const std::string& series) const {
    ApiClient ops(ops_);
    std::istringstream lines(ops.get("/metrics").text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
    return std::nullopt;
}

std::string ControlPlane::add_agent(const std::string& uri, json::object more) {
    auto client = api();
    more["uri"] = uri;
    const auto made = client.post("/v1/agents", more);
    if (made.status != 201) {
        ADD_FAILURE() << "POST /v1/agents: " << made.status << " " << made.text;
        return {};
    }
    auto id = text_of(made.body, "id");
    eventually(client, "/v1/agents/" + id, in_state("active"), 60s);
    return id;
}

json::value eventually(ApiClient& client, const std::string& target,
                       const std::function<bool(const json::value&)>& good, std::chrono::milliseconds at_most) {
    const auto until = std::chrono::steady_clock::now() + at_most;
    ApiClient::Answer last;
    while (std::chrono::steady_clock::now() < until) {
        last = client.get(target);
        if (last.status == 200 && good(last.body)) return last.body;
        client.pause();
    }
    ADD_FAILURE() << "GET " << target << " never answered what was awaited; at last: " << last.status << " "
                  << last.text;
    return last.body;
}

std::string text_of(const json::value& body, std::string_view field) {
    if (!body.is_object()) return {};
    const auto* value = body.as_object().if_contains(field);
    return value && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::function<bool(const json::value&)> in_state(std::string state) {
    return [state = std::move(state)](const json::value& body) { return text_of(body, "state") == state; };
}

}  // namespace drover::test
