#include "cli/client.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <iostream>
#include <optional>

#include "cli/json_text.hpp"
#include "cli/text.hpp"
#include "drover/json.hpp"
#include "kernel/version.hpp"

namespace drover::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace json = boost::json;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kConnectPatience = 10s;
constexpr std::uint64_t kLargestAnswer = 512ULL * 1024 * 1024;
/// Histories hold resources within executions within logs.
constexpr std::size_t kDeepestAnswer = 200;

using Request = http::request<http::string_body>;

struct Answer {
    unsigned status = 0;
    std::string body;
    bool keep = false;
};

}  // namespace

std::string encoded(std::string_view text) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        const auto byte = static_cast<unsigned char>(c);
        if (plain) out += c;
        else (out += '%') += {kHex[byte >> 4], kHex[byte & 0xf]};
    }
    return out;
}

std::string query_text(const Query& query) {
    std::string out;
    for (const auto& [name, value] : query) {
        out += out.empty() ? '?' : '&';
        if (name.starts_with('!')) out += encoded(std::string_view(name).substr(1));
        else out += encoded(name) + '=' + encoded(value);
    }
    return out;
}

struct Client::State {
    using Plain = beast::tcp_stream;
    using Secure = beast::ssl_stream<beast::tcp_stream>;

    explicit State(Connection to) : connection(std::move(to)) {}

    /// Runs one asynchronous step to its end: only asynchronous steps have deadlines.
    template <class Start>
    error_code finish(Start start) {
        error_code result;
        start([&result](error_code failure, auto&&...) { result = failure; });
        executor.restart();
        executor.run();
        return result;
    }

    Plain& tcp() { return secure ? secure->next_layer() : *plain; }
    bool connected() const { return plain || secure; }
    void close() {
        plain.reset();
        secure.reset();
        buffer.clear();
    }

    Error cannot_reach(const error_code& failure) const {
        return Error(Errc::unavailable, "no server answers at " + connection.url() + " (" + failure.message() + ")",
                     "Start one with: drover server --config config/single.properties. "
                     "One elsewhere is named by --url or DROVER_URL.");
    }

    Result<void> connect() {
        error_code failure;
        asio::ip::tcp::resolver resolver(executor);
        const auto addresses = resolver.resolve(connection.host, connection.port, failure);
        if (failure) return cannot_reach(failure);
        if (connection.tls) {
            if (auto prepared = prepare_tls(); !prepared) return prepared;
        } else {
            plain.emplace(executor);
        }
        tcp().expires_after(std::min(kConnectPatience, patience));
        failure = finish([&](auto done) { tcp().async_connect(addresses, std::move(done)); });
        if (failure) {
            close();
            return cannot_reach(failure);
        }
        tcp().socket().set_option(asio::ip::tcp::no_delay(true), failure);
        if (!connection.tls) return {};
        failure = finish([&](auto done) { secure->async_handshake(asio::ssl::stream_base::client, std::move(done)); });
        if (!failure) return {};
        close();
        return Error(Errc::unavailable, "no safe connection to " + connection.url() + " (" + failure.message() + ")",
                     "Its certificate must be signed by an authority this machine trusts; SSL_CERT_FILE names the "
                     "certificate of one more.");
    }

    Result<void> prepare_tls() {
        error_code failure;
        if (!context) {
            context.emplace(asio::ssl::context::tls_client);
            context->set_default_verify_paths(failure);
            context->set_verify_mode(asio::ssl::verify_peer);
        }
        secure.emplace(executor, *context);
        secure->set_verify_callback(asio::ssl::host_name_verification(connection.host), failure);
        // A name, not an address, is what a server may choose its certificate by.
        asio::ip::make_address(connection.host, failure);
        if (failure && !SSL_set_tlsext_host_name(secure->native_handle(), connection.host.c_str()))
            return Error(Errc::invalid, connection.host + " cannot be the name of a TLS server");
        return {};
    }

    /// A server may have closed a connection while it lay idle; then nothing may be sent on it.
    bool closed_meanwhile() {
        char byte = 0;
        error_code failure;
        auto& socket = tcp().socket();
        socket.non_blocking(true, failure);
        const auto got = socket.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, failure);
        return got > 0 || failure != asio::error::would_block;
    }

    template <class Stream>
    error_code exchange(Stream& stream, const Request& request, Answer& answer) {
        tcp().expires_after(patience);
        if (const auto failure = finish([&](auto done) { http::async_write(stream, request, std::move(done)); }))
            return failure;
        http::response_parser<http::string_body> parser;
        parser.body_limit(kLargestAnswer);
        const auto failure = finish([&](auto done) { http::async_read(stream, buffer, parser, std::move(done)); });
        if (failure) return failure;
        answer.status = parser.get().result_int();
        answer.keep = parser.get().keep_alive();
        answer.body = std::move(parser.get().body());
        return {};
    }

    Result<Answer> send(const Request& request, const std::string& what) {
        if (connected() && closed_meanwhile()) close();
        for (bool again = request.method() == http::verb::get && connected();; again = false) {
            if (!connected()) {
                if (auto made = connect(); !made) return made.error();
            }
            Answer answer;
            const auto failure = secure ? exchange(*secure, request, answer) : exchange(*plain, request, answer);
            if (failure || !answer.keep) close();
            if (!failure) return answer;
            if (again && failure != beast::error::timeout) continue;  // the server may have closed just then
            if (failure == beast::error::timeout)
                return Error(
                    Errc::timeout,
                    what + ": no answer within " + std::to_string(patience / std::chrono::seconds(1)) + " s",
                    request.method() == http::verb::get ? "" : "Whether it was done is not known; look first.");
            if (failure == http::error::body_limit)
                return Error(Errc::exhausted, what + ": the answer is longer than 512 MiB",
                             "Ask for less, by --limit.");
            return Error(request.method() == http::verb::get ? Errc::unavailable : Errc::timeout,
                         what + ": the connection broke (" + failure.message() + ")",
                         request.method() == http::verb::get ? "" : "Whether it was done is not known; look first.");
        }
    }

    void warn_of_open_secret() {
        if (warned || connection.tls || connection.secret_key.empty() || connection.loopback()) return;
        warned = true;
        std::cerr << "drover: warning: the secret key crosses the network in the clear; use an https:// URL\n";
    }

    Result<json::value> ask(http::verb verb, const std::string& path, const json::value& body) {
        const auto target = connection.base + path;
        Request request(verb, target, 11);
        request.set(http::field::host, connection.authority());
        request.set(http::field::user_agent, std::string("drover/") + core::kVersion);
        request.set(http::field::accept, "application/json");
        if (!connection.access_key.empty()) {
            warn_of_open_secret();
            request.set(http::field::authorization,
                        "Basic " + base64(connection.access_key + ":" + connection.secret_key));
        }
        if (!body.is_null()) {
            request.set(http::field::content_type, "application/json");
            request.body() = compact_json(body);
        }
        request.prepare_payload();
        const auto what = std::string(http::to_string(verb)) + " " + printable(target);
        auto answer = send(request, what);
        if (!answer) return answer.error();
        if (answer->status < 200 || answer->status > 299) return error_of_answer(what, answer->status, answer->body);
        if (answer->body.empty()) return json::value(json::object());
        auto parsed = parse_json(answer->body, kDeepestAnswer);
        if (!parsed || !parsed->is_object())
            return Error(Errc::internal, what + ": the answer is not a JSON object",
                         "Is " + connection.url() + " the API of a Drover server?");
        return parsed;
    }

    Connection connection;
    std::chrono::milliseconds patience = 60s;
    asio::io_context executor{1};
    std::optional<asio::ssl::context> context;
    std::optional<Plain> plain;
    std::optional<Secure> secure;
    beast::flat_buffer buffer;
    bool warned = false;
};

Client::Client(Connection connection) : state_(std::make_unique<State>(std::move(connection))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

const Connection& Client::connection() const { return state_->connection; }
void Client::set_patience(std::chrono::milliseconds at_most) { state_->patience = at_most; }

Result<json::value> Client::get(const std::string& path) { return state_->ask(http::verb::get, path, {}); }
Result<json::value> Client::post(const std::string& path, const json::value& body) {
    return state_->ask(http::verb::post, path, body);
}
Result<json::value> Client::put(const std::string& path, const json::value& body) {
    return state_->ask(http::verb::put, path, body);
}
Result<json::value> Client::remove(const std::string& path) { return state_->ask(http::verb::delete_, path, {}); }

}  // namespace drover::cli
