#include "drover/services/http_front.hpp"

#include <algorithm>

namespace drover {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

class HttpFrontFacade final : public HttpFront {
public:
    explicit HttpFrontFacade(std::shared_ptr<Binding> binding) : binding_(std::move(binding)) {}

    Async<Result<std::unique_ptr<HttpListener>>> listen(HttpListenOptions options, HttpHandler handler) override {
        return guarded<HttpFront, std::unique_ptr<HttpListener>>(
            *binding_, "listen",
            [options = std::move(options), handler = std::move(handler)](HttpFront& front) mutable {
                return front.listen(std::move(options), std::move(handler));
            });
    }

private:
    std::shared_ptr<Binding> binding_;  // owners: the registry and its facades
};

}  // namespace

void HttpHeaders::set(std::string_view name, std::string value) {
    std::erase_if(list_, [&](const auto& header) { return same_name(header.first, name); });
    add(std::string(name), std::move(value));
}

std::string_view HttpHeaders::get(std::string_view name) const {
    for (const auto& [key, value] : list_)
        if (same_name(key, name)) return value;
    return {};
}

bool HttpHeaders::has(std::string_view name) const {
    return std::any_of(list_.begin(), list_.end(), [&](const auto& header) { return same_name(header.first, name); });
}

template <>
std::shared_ptr<HttpFront> make_facade<HttpFront>(std::shared_ptr<Binding> binding) {
    return std::make_shared<HttpFrontFacade>(std::move(binding));
}

}  // namespace drover
