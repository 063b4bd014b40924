// The API's port: for now the addresses every client asks first; the resources come with the model.
#include <boost/json.hpp>

#include <array>
#include <random>

#include "listening_plugin.hpp"

namespace drover::roles {
namespace {

namespace json = boost::json;

constexpr std::string_view kVersion = "v1";

std::string uuid() {
    std::random_device device;
    std::array<unsigned char, 16> bytes{};
    for (auto& byte : bytes) byte = static_cast<unsigned char>(device());
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);  // version 4, RFC 9562
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
        text += "0123456789abcdef"[bytes[i] >> 4];
        text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
}

/// The path cut at slashes; repeated ones collapse.
std::vector<std::string> segments(std::string_view path) {
    std::vector<std::string> parts;
    while (!path.empty()) {
        const auto slash = std::min(path.find('/'), path.size());
        if (slash > 0) parts.emplace_back(path.substr(0, slash));
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return parts;
}

class ApiServer final : public ListeningPlugin {
public:
    ApiServer(const Config& config, Context& context)
        : ListeningPlugin(context, "api.listen", {.address = config.address("listen"), .name = "api"}) {}

protected:
    Async<Result<HttpReply>> answer(HttpRequest request) override {
        if (request.path == "/ping") co_return HttpReply(text_response(200, "pong"));
        const auto base = (request.tls ? "https://" : "http://") + std::string(request.headers.get("Host"));
        auto response = answer_api(request, base);
        response.headers.add("X-API-Schemas", base + "/v1/schemas");
        response.headers.add("X-API-Client-IP", request.remote);
        co_return HttpReply(std::move(response));
    }

private:
    static HttpResponse answer_api(const HttpRequest& request, const std::string& base) {
        const auto parts = segments(request.path);
        if (!parts.empty() && parts.front() != kVersion) return error(422, "UnsupportedVersion");
        if (parts.size() > 1) return error(404, "Not Found");
        if (request.method != "GET" && request.method != "HEAD") return error(405, "Method not allowed");
        return json_response(200, json::serialize(parts.empty() ? versions(base) : version(base)));
    }

    static json::object version(const std::string& base) {
        return {{"id", kVersion},
                {"type", "apiVersion"},
                {"links", json::object{{"self", base + "/v1"}}},
                {"actions", json::object{}}};
    }

    static json::object versions(const std::string& base) {
        return {{"type", "collection"},
                {"resourceType", "apiVersion"},
                {"links", json::object{{"latest", base + "/v1"}, {"self", base + "/"}}},
                {"createTypes", json::object{}},
                {"actions", json::object{}},
                {"data", json::array{version(base)}},
                {"sortLinks", json::object{}},
                {"pagination", nullptr},
                {"sort", nullptr},
                {"filters", json::object{}},
                {"createDefaults", json::object{}}};
    }

    static HttpResponse error(int status, const std::string& code) {
        const bool validation = status == 422;
        json::object body{{"id", uuid()},
                          {"type", "error"},
                          {"links", json::object{}},
                          {"actions", json::object{}},
                          {"status", status},
                          {"code", code},
                          {"message", validation ? json::value(nullptr) : json::value(code)},
                          {"detail", nullptr}};
        if (validation) body["fieldName"] = nullptr;
        return json_response(status, json::serialize(body));
    }
};

}  // namespace
}  // namespace drover::roles

DROVER_PLUGIN("drover.api-server", "0.1.0",
              {
                  .summary = "The REST API's port",
                  .needs = {drover::need<drover::HttpFront>()},
                  .options = {drover::address("listen", "127.0.0.1:8080", "Where the REST API is answered.")
                                  .at_key("api.listen")},
                  .roles = {{"api-server", "answers users and their programs", false}},
                  .create = [](const drover::Config& config,
                               drover::Context& context) -> drover::Result<std::unique_ptr<drover::Plugin>> {
                      return std::unique_ptr<drover::Plugin>(new drover::roles::ApiServer(config, context));
                  },
              });
