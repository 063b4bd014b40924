// subscribe and publish of a running server, as clients see them.
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <deque>

#include "control_plane.hpp"

namespace drover::test {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using conformance::RawClient;
using conformance::RawWebSocket;

/// A stream of events over HTTP.
class Stream {
public:
    Stream(const Address& server, const std::string& body, const std::string& headers = {}) : client_(server) {
        client_.send("POST /v1/subscribe HTTP/1.1\r\nHost: " + server.to_string() + "\r\n" + headers +
                     "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
        const auto head = client_.head();
        if (!head) return;
        status = head->status;
        content_type = head->header("Content-Type");
    }
    /// The next event; none when the stream ended.
    std::optional<json::object> next() {
        while (events_.empty()) {
            const auto piece = client_.chunk();
            if (!piece || piece->empty()) return std::nullopt;
            unread_ += *piece;
            for (auto end = unread_.find("\n\n"); end != std::string::npos; end = unread_.find("\n\n")) {
                events_.push_back(json::parse(unread_.substr(0, end)).as_object());
                unread_.erase(0, end + 2);
            }
        }
        auto event = std::move(events_.front());
        events_.pop_front();
        return event;
    }
    /// The next one of that name; pings of the stream are passed over.
    std::optional<json::object> next(const std::string& name) {
        for (auto event = next(); event; event = next())
            if (text_of(*event, "name") == name) return event;
        return std::nullopt;
    }
    int status = 0;
    std::string content_type;

private:
    RawClient client_;
    std::string unread_;
    std::deque<json::object> events_;
};

class StreamsTest : public ::testing::Test {
protected:
    void start(std::vector<std::string> more = {}) {
        more.insert(more.end(), {"api.sub.ping.interval.millis=100", "task.resource.change.publish.schedule=0.1"});
        plane_.emplace(std::move(more));
        ASSERT_TRUE(plane_->start());
        client_.emplace(plane_->api());
    }
    static std::string names(std::initializer_list<const char*> list) {
        json::array all;
        for (const auto* name : list) all.push_back(json::string(name));
        return json::serialize(json::object{{"eventNames", all}});
    }
    struct Key {
        std::string account;
        std::string user;
        std::string secret;
    };
    Key account_of_kind(const std::string& kind) {
        Key key;
        const auto made = client_->post("/v1/accounts", json::object{{"kind", kind}, {"name", kind}});
        EXPECT_EQ(made.status, 201) << made.text;
        key.account = text_of(made.body, "id");
        eventually(*client_, "/v1/accounts/" + key.account, in_state("active"));
        const auto keys = eventually(*client_, "/v1/credentials?accountId=" + key.account, [](const json::value& body) {
            const auto& data = body.at("data").as_array();
            return !data.empty() && !text_of(data[0], "secretValue").empty() && text_of(data[0], "state") == "active";
        });
        key.user = text_of(keys.at("data").at(0), "publicValue");
        key.secret = text_of(keys.at("data").at(0), "secretValue");
        return key;
    }
    static std::string authorization(const Key& key) {
        static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        std::string text;
        std::uint32_t held = 0;
        int bits = 0;
        for (const char c : key.user + ":" + key.secret) {
            held = held << 8 | static_cast<unsigned char>(c);
            for (bits += 8; bits >= 6; bits -= 6) text += kDigits[held >> (bits - 6) & 63];
        }
        if (bits > 0) text += kDigits[held << (6 - bits) & 63];
        while (text.size() % 4 != 0) text += '=';
        return "Authorization: Basic " + text + "\r\n";
    }
    std::optional<ControlPlane> plane_;
    std::optional<ApiClient> client_;
};

TEST_F(StreamsTest, AStreamBeginsWithAPingAndBearsOneEveryInterval) {
    start({"api.sub.max.pings=3"});
    for (const auto& server : {plane_->api_address(), plane_->agent_address()}) {
        Stream stream(server, names({"state.change"}));
        EXPECT_EQ(stream.status, 201);
        EXPECT_EQ(stream.content_type, "text/plain");
        for (int i = 0; i < 3; ++i) {
            const auto ping = stream.next();
            ASSERT_TRUE(ping);
            EXPECT_EQ(ping->at("name"), "ping");
            EXPECT_TRUE(ping->at("replyTo").is_null());
            EXPECT_TRUE(ping->at("resourceId").is_null());
            EXPECT_EQ(ping->at("data"), (json::value{{"options", json::object{}}, {"resources", json::array{}}}));
        }
        EXPECT_FALSE(stream.next()) << "it goes on after its last ping";
    }
}

TEST_F(StreamsTest, WhatIsWrongIsRefusedByField) {
    start();
    const auto refused = [&](const std::string& body, const std::string& code, const std::string& field) {
        const auto answer = client_->send("POST", "/v1/subscribe", body);
        EXPECT_EQ(answer.status, 422) << body << "\n" << answer.text;
        EXPECT_EQ(text_of(answer.body, "code"), code) << body;
        EXPECT_EQ(text_of(answer.body, "fieldName"), field) << body;
    };
    refused("{}", "MissingRequired", "eventNames");
    refused(R"({"eventNames":[]})", "MissingRequired", "eventNames");
    refused(R"({"eventNames":[""]})", "MinLengthExceeded", "eventNames");
    refused(R"({"eventNames":["with space"]})", "InvalidCharacters", "eventNames");
    refused(R"({"eventNames":{"a":1}})", "InvalidFormat", "eventNames");
    refused(R"({"eventNames":["a",5]})", "InvalidFormat", "eventNames");
    refused(R"({"eventNames":["ping"],"agentId":"1a999"})", "InvalidReference", "agentId");
    refused(R"({"eventNames":["ping"],"agentId":"nobody"})", "InvalidReference", "agentId");
    refused(R"({"eventNames":["ping"],"agentId":{"a":1}})", "InvalidReference", "agentId");
    refused(R"({"eventNames":[")" + std::string(256, 'a') + R"("]})", "MaxLengthExceeded", "eventNames");
    json::array many(257, "ping");
    refused(json::serialize(json::object{{"eventNames", many}}), "MaxLimitExceeded", "eventNames");
    EXPECT_EQ(client_->get("/v1/subscribe?eventNames=ping").status, 404) << "a GET is for WebSockets";
    EXPECT_EQ(client_->send("PUT", "/v1/subscribe/1", "{}").status, 405);

    const auto publish = [&](const std::string& body, int status, const std::string& code) {
        const auto answer = client_->send("POST", "/v1/publish", body);
        EXPECT_EQ(answer.status, status) << body << "\n" << answer.text;
        EXPECT_EQ(text_of(answer.body, "code"), code) << body;
    };
    publish("{}", 422, "MissingRequired");
    publish(R"({"name":"with space"})", 422, "InvalidCharacters");
    publish(R"({"name":"all.*"})", 422, "InvalidCharacters");
    publish(R"({"name":"a","data":[1]})", 422, "InvalidFormat");
    publish(R"({"name":"a","data":"{"})", 422, "InvalidFormat");
    publish(R"({"name":"a","time":"soon"})", 422, "InvalidFormat");
    publish(R"({"name":"a","time":1e300})", 422, "InvalidFormat");
    publish(R"({"name":"a","previousIds":[5]})", 422, "InvalidFormat");
    publish(R"({"name":"a","transitioning":"maybe"})", 422, "InvalidOption");
    publish(R"({"name":"a","resourceType":"host","resourceId":"!!"})", 422, "InvalidFormat");
    publish("{", 400, "InvalidBodyContent");
    EXPECT_EQ(client_->get("/v1/publish").status, 405);
}

TEST_F(StreamsTest, WhatAnAdministratorPublishesComesAsItWasSaid) {
    start();
    Stream stream(plane_->agent_address(), names({"misc.*", "ping;agent=5"}));
    ASSERT_EQ(stream.status, 201);
    const json::object event{{"id", "mine"},
                             {"name", "misc.news;x=1"},
                             {"resourceType", "host"},
                             {"resourceId", "1h17"},
                             {"previousIds", json::array{"a", "b"}},
                             {"transitioning", "error"},
                             {"transitioningMessage", "for users"},
                             {"transitioningInternalMessage", "for operators"},
                             {"transitioningProgress", 40},
                             {"time", 1'400'000'000'123},
                             {"publisher", "me"},
                             {"data", {{"a", {{"b", json::array{1, nullptr, "ä"}}}}}}};
    const auto answer = client_->post("/v1/publish", event);
    EXPECT_EQ(answer.status, 201) << answer.text;
    EXPECT_EQ(text_of(answer.body, "type"), "publish");
    EXPECT_EQ(text_of(answer.body, "name"), "misc.news;x=1");
    const auto came = stream.next("misc.news;x=1");
    ASSERT_TRUE(came);
    for (const auto& [key, value] : event) EXPECT_EQ(came->at(key), value) << key;
    // A form does as well; what it leaves out is filled in.
    const auto of_form = client_->send("POST", "/v1/publish", "name=misc.form&data=%7B%22a%22%3A1%7D",
                                       "Content-Type: application/x-www-form-urlencoded\r\n");
    EXPECT_EQ(of_form.status, 201) << of_form.text;
    const auto formed = stream.next("misc.form");
    ASSERT_TRUE(formed);
    EXPECT_EQ(formed->at("data"), (json::value{{"a", 1}}));
    EXPECT_FALSE(text_of(*formed, "id").empty());
    EXPECT_TRUE(formed->at("time").is_int64());
    // Qualified names are delivered to those who ask for them by their whole name.
    ASSERT_EQ(client_->post("/v1/publish", json::object{{"name", "ping;agent=5"}}).status, 201);
    EXPECT_TRUE(stream.next("ping;agent=5"));
}

TEST_F(StreamsTest, ChangesComeOverAWebSocketAsTheSubscriberSeesThem) {
    start();
    plane_->add_agent("sim://rack");
    RawWebSocket socket(RawClient(plane_->api_address()),
                        "/v1/subscribe?include=instanceHostMaps&eventNames=resource.change");
    const auto first = socket.next_data();
    ASSERT_TRUE(first);
    EXPECT_EQ(json::parse(first->payload).at("name"), "ping");
    const auto made = client_->post("/v1/containers", json::object{{"imageUuid", "sim:busybox"}});
    ASSERT_EQ(made.status, 201) << made.text;
    const auto id = text_of(made.body, "id");
    for (;;) {
        const auto frame = socket.next_data();
        ASSERT_TRUE(frame) << "the socket ended";
        const auto event = json::parse(frame->payload).as_object();
        if (text_of(event, "resourceType") != "instance") continue;
        EXPECT_EQ(event.at("name"), "resource.change");
        EXPECT_EQ(text_of(event, "resourceId"), id);
        const auto& resource = event.at("data").at("resource");
        EXPECT_EQ(text_of(resource, "id"), id);
        EXPECT_EQ(text_of(resource, "type"), "container");
        // Before it is placed there is none to include.
        if (text_of(resource, "state") != "running") continue;
        ASSERT_TRUE(resource.as_object().contains("instanceHostMaps")) << frame->payload;
        EXPECT_EQ(resource.at("instanceHostMaps").as_array().size(), 1U);
        break;
    }
}

TEST_F(StreamsTest, OtherAccountsHearNothingThatIsNotTheirs) {
    start();
    const auto key = account_of_kind("user");
    Stream stream(plane_->api_address(), names({"*", "state.change", "ping;agent=5", "resource.change;account=1"}),
                  authorization(key));
    ASSERT_EQ(stream.status, 201);
    Stream witness(plane_->api_address(), names({"misc.secret", "misc.end"}));
    ASSERT_TRUE(stream.next());
    for (const auto* name : {"misc.secret", "ping;agent=5", "state.change", "resource.change;account=1"})
        ASSERT_EQ(client_->post("/v1/publish", json::object{{"name", name}}).status, 201);
    ASSERT_TRUE(witness.next("misc.secret"));
    for (int i = 0; i < 5; ++i) {
        const auto event = stream.next();
        ASSERT_TRUE(event);
        EXPECT_EQ(event->at("name"), "ping");
        EXPECT_TRUE(event->at("resourceId").is_null());
    }
    // What is meant for this account comes, without its qualifier.
    ASSERT_EQ(
        client_->post("/v1/publish", json::object{{"name", "misc.yours;account=" + key.account.substr(2)}}).status,
        201);
    EXPECT_TRUE(stream.next("misc.yours"));
    auto user = plane_->api(key.user, key.secret);
    EXPECT_EQ(user.post("/v1/publish", json::object{{"name", "misc.mine"}}).status, 404);
    const auto reader = account_of_kind("readAdmin");
    auto read_admin = plane_->api(reader.user, reader.secret);
    EXPECT_GE(read_admin.post("/v1/publish", json::object{{"name", "misc.mine"}}).status, 403);
}

TEST_F(StreamsTest, WhoLosesItsAccountIsToldAndCut) {
    start();
    const auto key = account_of_kind("user");
    Stream stream(plane_->api_address(), names({"ping"}), authorization(key));
    ASSERT_TRUE(stream.next());
    ASSERT_EQ(client_->post("/v1/accounts/" + key.account + "?action=deactivate", json::object()).status, 202);
    EXPECT_TRUE(stream.next("subscribe.cut")) << "it goes on";
    EXPECT_FALSE(stream.next());
    EXPECT_EQ(plane_->metric(R"(drover_subscribers_cut_total{port="api",reason="denied"})"), 1);
}

TEST_F(StreamsTest, AnAdministratorMayListenAsAnAgent) {
    start();
    const auto agent = plane_->add_agent("sim://rack");
    Stream stream(plane_->api_address(),
                  json::serialize(json::object{{"eventNames", json::array{"compute.instance.activate;agent=77", "x"}},
                                               {"agentId", agent}}));
    ASSERT_EQ(stream.status, 201);
    const auto name = "compute.instance.activate;agent=" + agent.substr(2);
    ASSERT_EQ(client_->post("/v1/publish", json::object{{"name", "compute.instance.activate;agent=77"}}).status, 201);
    ASSERT_EQ(client_->post("/v1/publish", json::object{{"name", name}, {"id", "its"}}).status, 201);
    const auto came = stream.next("compute.instance.activate");
    ASSERT_TRUE(came);
    EXPECT_EQ(came->at("id"), "its");
}

TEST_F(StreamsTest, AServerThatStopsEndsItsStreams) {
    start();
    Stream stream(plane_->api_address(), names({"ping"}));
    RawWebSocket socket(RawClient(plane_->agent_address()), "/v1/subscribe?eventNames=ping");
    ASSERT_TRUE(stream.next());
    ASSERT_TRUE(socket.next_data());
    const auto before = std::chrono::steady_clock::now();
    EXPECT_TRUE(plane_->stop()) << plane_->log();
    EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
    while (stream.next()) continue;
    std::optional<conformance::RawFrame> last;
    for (auto frame = socket.next_data(); frame; frame = socket.next_data()) {
        last = frame;
        if (frame->opcode == conformance::kWsClose) break;
    }
    ASSERT_TRUE(last);
    EXPECT_EQ(last->opcode, conformance::kWsClose);
    EXPECT_EQ(last->close_code(), 1001);
}

}  // namespace
}  // namespace drover::test
