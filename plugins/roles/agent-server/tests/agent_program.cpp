#include "agent_program.hpp"

#include <gtest/gtest.h>

namespace drover::test {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

std::string base64(std::string_view bytes) {
    static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string text;
    std::uint32_t held = 0;
    int bits = 0;
    for (const char c : bytes) {
        held = held << 8 | static_cast<unsigned char>(c);
        for (bits += 8; bits >= 6; bits -= 6) text += kDigits[held >> (bits - 6) & 63];
    }
    if (bits > 0) text += kDigits[held << (6 - bits) & 63];
    while (text.size() % 4 != 0) text += '=';
    return text;
}

}  // namespace

std::string basic_authorization(const std::string& user, const std::string& secret) {
    return "Authorization: Basic " + base64(user + ":" + secret) + "\r\n";
}

bool await(const std::function<bool()>& holds, const std::string& what) {
    const auto until = std::chrono::steady_clock::now() + 30s;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > until) {
            ADD_FAILURE() << "never: " << what;
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

AgentKey make_agent(const ControlPlane& plane, const std::string& uri) {
    auto client = plane.api();
    AgentKey key;
    const auto made = client.post("/v1/agents", json::object{{"uri", uri}});
    EXPECT_EQ(made.status, 201) << made.text;
    key.agent = text_of(made.body, "id");
    const auto agent = eventually(client, "/v1/agents/" + key.agent,
                                  [](const json::value& body) { return !text_of(body, "accountId").empty(); });
    const auto keys =
        eventually(client, "/v1/credentials?accountId=" + text_of(agent, "accountId"), [](const json::value& body) {
            const auto& data = body.at("data").as_array();
            return !data.empty() && !text_of(data[0], "secretValue").empty() && text_of(data[0], "state") == "active";
        });
    if (!keys.is_object()) return key;
    const auto& data = keys.at("data").as_array();
    if (data.empty()) return key;
    key.user = text_of(data[0], "publicValue");
    key.secret = text_of(data[0], "secretValue");
    return key;
}

json::object reply_to_command(const json::object& command, json::object data) {
    json::array previous{command.at("id")};
    return {{"name", command.at("replyTo")},
            {"previousIds", previous},
            {"resourceType", command.at("resourceType")},
            {"resourceId", command.at("resourceId")},
            {"data", std::move(data)}};
}

AgentProgram::AgentProgram(Address server, AgentKey key, std::vector<std::string> names, Handler handler)
    : client_(server, key.user, key.secret), thread_([=, this] { run(server, key, names, handler); }) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 20s, [&] { return subscribed_ != 0; });
    EXPECT_EQ(subscribed_, 201);
}

AgentProgram::~AgentProgram() {
    stop_ = true;
    thread_.join();
}

void AgentProgram::run(Address server, AgentKey key, std::vector<std::string> names, Handler handler) {
    const auto told = [&](int status) {
        const std::lock_guard lock(mutex_);
        subscribed_ = status;
        changed_.notify_all();
    };
    try {
        conformance::RawClient stream(server);
        const auto body = json::serialize(json::object{{"eventNames", json::value_from(names)}});
        stream.send("POST /v1/subscribe HTTP/1.1\r\nHost: " + server.to_string() + "\r\n" +
                    basic_authorization(key.user, key.secret) + "Content-Length: " + std::to_string(body.size()) +
                    "\r\n\r\n" + body);
        const auto head = stream.head();
        told(head ? head->status : -1);
        if (!head || head->status != 201) return;
        std::string unread;
        while (!stop_) {
            const auto piece = stream.chunk();
            if (!piece || piece->empty()) return;
            unread += *piece;
            for (auto end = unread.find("\n\n"); end != std::string::npos; end = unread.find("\n\n")) {
                take(unread.substr(0, end), handler);
                unread.erase(0, end + 2);
            }
        }
    } catch (const std::exception& failure) {
        told(-1);
        if (!stop_) ADD_FAILURE() << "the agent broke: " << failure.what();
    }
}

void AgentProgram::take(const std::string& text, const Handler& handler) {
    auto event = json::parse(text).as_object();
    const bool of_stream = event.at("name") == "ping" && event.at("replyTo").is_null();
    {
        const std::lock_guard lock(mutex_);
        names_.push_back(text_of(event, "name"));
        if (!of_stream) events_.push_back(event);
    }
    if (handler && !event.at("replyTo").is_null()) handler(*this, event);
}

int AgentProgram::reply(const json::object& command, json::object data) {
    return publish(reply_to_command(command, std::move(data)));
}

std::vector<std::string> AgentProgram::names() const {
    const std::lock_guard lock(mutex_);
    return names_;
}

std::vector<json::object> AgentProgram::events() const {
    const std::lock_guard lock(mutex_);
    return events_;
}

AgentProgram::Handler AgentProgram::obliging(const AgentKey& key) {
    return [agent = key.agent](AgentProgram& self, const json::object& command) {
        json::object data;
        if (command.at("name") == "ping") {
            const auto host = "host-of-" + agent;
            data["resources"] = json::array{
                json::object{{"type", "host"}, {"uuid", host}, {"kind", "sim"}},
                json::object{{"type", "storagePool"}, {"uuid", host + "-pool"}, {"kind", "sim"}, {"hostUuid", host}}};
        }
        EXPECT_EQ(self.reply(command, std::move(data)), 201);
    };
}

}  // namespace drover::test
