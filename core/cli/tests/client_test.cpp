// The client against servers that misbehave; against one that behaves: tests/integration.
#include "cli/client.hpp"

#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include <atomic>
#include <thread>

namespace drover::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using asio::ip::tcp;
using namespace std::chrono_literals;

std::string answer(const std::string& body, const std::string& head = "HTTP/1.1 200 OK\r\n") {
    return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// Says what it was told to say, whatever is asked. Each script is one connection: one answer for each request,
/// then the end of the connection.
class ScriptedServer {
public:
    using Script = std::vector<std::string>;
    explicit ScriptedServer(std::vector<Script> scripts)
        : acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)), scripts_(std::move(scripts)) {
        port_ = acceptor_.local_endpoint().port();
        thread_ = std::thread([this] { serve(); });
    }
    ~ScriptedServer() {
        // A connection of its own wakes a server that still waits for one.
        ended_ = true;
        boost::system::error_code ignored;
        tcp::socket last(context_);
        last.connect({asio::ip::address_v4::loopback(), port_}, ignored);
        last.close(ignored);
        thread_.join();
    }
    Client client() const { return Client(parse_url("http://127.0.0.1:" + std::to_string(port_)).value()); }
    int connections() const { return connections_; }
    const std::vector<std::string>& requests() const { return requests_; }

private:
    void serve() {
        for (const auto& script : scripts_) {
            boost::system::error_code failure;
            auto socket = acceptor_.accept(failure);
            if (failure || ended_) return;
            ++connections_;
            std::string text;
            for (const auto& one : script) {
                const auto head = asio::read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n", failure);
                if (failure) break;
                requests_.push_back(text.substr(0, head));
                text.erase(0, head);
                asio::write(socket, asio::buffer(one), failure);
            }
            socket.shutdown(tcp::socket::shutdown_both, failure);
        }
    }
    asio::io_context context_;
    tcp::acceptor acceptor_;
    unsigned short port_ = 0;
    const std::vector<Script> scripts_;
    std::vector<std::string> requests_;  // read by the test after the answer that follows it
    std::atomic<int> connections_ = 0;
    std::atomic<bool> ended_ = false;
    std::thread thread_;
};

TEST(Client, KeepsItsConnection) {
    const ScriptedServer server({{answer("{\"n\":1}"), answer("{\"n\":2}")}});
    auto client = server.client();
    EXPECT_EQ(client.get("/a").value().at("n"), 1);
    EXPECT_EQ(client.get("/b?x=1").value().at("n"), 2);
    EXPECT_EQ(server.connections(), 1);
    EXPECT_TRUE(server.requests().at(1).starts_with("GET /v1/b?x=1 HTTP/1.1\r\n")) << server.requests().at(1);
}

TEST(Client, AsksAgainWhereTheServerHungUpMeanwhile) {
    const ScriptedServer server({{answer("{\"n\":1}")}, {answer("{\"n\":2}")}});
    auto client = server.client();
    EXPECT_EQ(client.get("/a").value().at("n"), 1);
    const auto second = client.get("/a");
    ASSERT_TRUE(second) << second.error();
    EXPECT_EQ(second->at("n"), 2);
    EXPECT_EQ(server.connections(), 2);
}

TEST(Client, SendsAWriteOnceOnly) {
    const ScriptedServer server({{""}, {answer("{}")}});
    auto client = server.client();
    const auto made = client.post("/hosts", json::object{{"name", "x"}});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code(), Errc::timeout) << "whether it was done is not known: " << made.error();
    EXPECT_EQ(server.connections(), 1);
}

TEST(Client, SaysKeysByBasicAuthenticationOnly) {
    const ScriptedServer server({{answer("{}")}});
    auto connection = server.client().connection();
    connection.access_key = "Aladdin";
    connection.secret_key = "open sesame";
    Client client(connection);
    ASSERT_TRUE(client.get("/a"));
    const auto& request = server.requests().at(0);
    EXPECT_NE(request.find("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), std::string::npos) << request;
    EXPECT_EQ(request.find("sesame"), std::string::npos);
}

TEST(Client, AnswersThatAreNoDocumentsAreErrors) {
    const std::vector<std::string> wrong{answer("<html>"),
                                         answer("[1]"),
                                         answer("7"),
                                         answer("{\"a\":"),
                                         "garbage\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\n",
                                         "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
                                         answer(std::string(1000, '[') + std::string(1000, ']')),
                                         ""};
    for (const auto& one : wrong) {
        const ScriptedServer server({{one}});
        auto client = server.client();
        const auto got = client.get("/a");
        EXPECT_FALSE(got) << one;
    }
    const ScriptedServer empty({{answer("", "HTTP/1.1 200 OK\r\n")}});
    EXPECT_TRUE(empty.client().get("/a").value().as_object().empty()) << "an empty body is allowed";
}

TEST(Client, AServerThatNeverAnswersIsLeft) {
    asio::io_context context;
    tcp::acceptor silent(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));  // it never accepts
    Client client(parse_url("http://127.0.0.1:" + std::to_string(silent.local_endpoint().port())).value());
    client.set_patience(100ms);
    const auto read = client.get("/a");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Errc::timeout) << read.error();
}

TEST(Client, NobodyThereIsToldWithWhatToDo) {
    unsigned short port = 0;
    {
        asio::io_context context;
        tcp::acceptor gone(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        port = gone.local_endpoint().port();
    }
    Client client(parse_url("http://127.0.0.1:" + std::to_string(port)).value());
    const auto read = client.get("/a");
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code(), Errc::unavailable);
    EXPECT_NE(read.error().message().find("http://127.0.0.1:" + std::to_string(port) + "/v1"), std::string::npos);
    EXPECT_NE(read.error().hint().find("drover server --config"), std::string::npos);
}

}  // namespace
}  // namespace drover::cli
