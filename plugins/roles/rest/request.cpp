#include "request.hpp"

#include <algorithm>

#include "json_text.hpp"

namespace drover::rest {

namespace json = boost::json;

namespace {

bool is_host(std::string_view host) {
    return !host.empty() && host.size() <= 260 && std::all_of(host.begin(), host.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
               c == '_' || c == ':' || c == '[' || c == ']' || c == '%';
    });
}

bool is_known_method(std::string_view method) {
    return method == "GET" || method == "POST" || method == "PUT" || method == "DELETE" || method == "HEAD";
}

std::string upper(std::string text) {
    for (char& c : text)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return text;
}

/// "multipart/form-data" of a Content-Type.
std::string media_type(std::string_view content_type) {
    auto type = content_type.substr(0, content_type.find(';'));
    while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
    return lower(type);
}

}  // namespace

Result<Target> parse_target(std::string_view path) {
    Target target;
    while (!path.empty()) {
        const auto slash = std::min(path.find('/'), path.size());
        if (slash > 0) {
            if (target.segments.size() >= 16) return not_found();
            auto part = percent_decoded(path.substr(0, slash), false);
            if (!part) return part.error();
            target.segments.push_back(std::move(*part));
        }
        path.remove_prefix(std::min(slash + 1, path.size()));
    }
    return target;
}

Result<std::string> origin_of(const HttpRequest& request, bool allow_override) {
    std::string_view host = request.headers.get("Host");
    std::string scheme = request.tls ? "https" : "http";
    if (allow_override) {
        // A proxy in front says under which URL it was asked.
        const auto url = request.headers.get("X-API-request-url");
        if (const auto at = url.find("://"); at != std::string_view::npos) {
            const auto given = lower(url.substr(0, at));
            const auto authority = url.substr(at + 3);
            if (given == "http" || given == "https") {
                scheme = given;
                host = authority.substr(0, authority.find_first_of("/?#"));
            }
        }
    }
    if (host.empty()) host = "localhost";  // HTTP/1.0
    if (!is_host(host)) return refusal(400, "Bad Request", {}, "the header Host names no host");
    return scheme + "://" + lower(host);
}

std::string client_ip_of(const HttpRequest& request) {
    const auto forwarded = request.headers.get("X-Forwarded-For");
    const bool plain = forwarded.size() <= 1'000 &&
                       std::all_of(forwarded.begin(), forwarded.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return forwarded.empty() || !plain ? request.remote : std::string(forwarded);
}

Result<void> read_content(ApiRequest& request) {
    const auto& http = request.http;
    Parameters query;
    if (auto read = add_urlencoded(http.query, query); !read) return read;

    request.method = http.method;
    const auto media = media_type(http.headers.get("Content-Type"));
    json::object body;
    if (http.method == "POST" && media == "multipart/form-data") {
        if (auto read = add_multipart(http.headers.get("Content-Type"), http.body, request.parameters); !read)
            return read;
        // The query is not mixed into a form, save what steers the request.
        for (const auto* name : {"_method", "_format", "action"})
            if (const auto found = query.find(name); found != query.end()) request.parameters.insert(*found);
    } else {
        request.parameters = std::move(query);
        const bool takes_body = http.method == "POST" || http.method == "PUT";
        const auto begin = http.body.find_first_not_of(" \t\r\n");
        // `curl -d '{...}'` says that it sends a form.
        const bool looks_like_json = begin != std::string::npos && (http.body[begin] == '{' || http.body[begin] == '[');
        if (takes_body && media == "application/x-www-form-urlencoded" && !looks_like_json) {
            if (auto read = add_urlencoded(http.body, request.parameters); !read) return read;
        } else if (takes_body) {
            auto parsed = parse_body(http.body);
            if (!parsed) return parsed.error();
            body = std::move(*parsed);
        }
    }
    if (const auto* method = first(request.parameters, "_method")) request.method = upper(*method);
    if (!is_known_method(request.method)) return refusal(405, "Method not allowed");
    if (request.method == "HEAD") request.method = "GET";
    if (request.method == "POST")
        if (const auto* action = first(request.parameters, "action")) request.action = *action;
    if (request.method == "POST" || request.method == "PUT") request.body = merged(request.parameters, std::move(body));
    return ok;
}

}  // namespace drover::rest
