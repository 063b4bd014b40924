#include "second_reader.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/status.hpp>

#include "http1/text.hpp"

namespace drover::http_beast {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

/// Beast's parser, fed a complete head, comparing what it finds with what was found. Bodies are read elsewhere.
class Comparison final : public http::basic_parser<true> {
public:
    explicit Comparison(const HttpRequest& request)
        : request_(request),
          next_(request.headers.list().begin()),
          host_from_target_(!request.target.starts_with('/') && request.target != "*") {
        skip(true);
    }

    /// After the whole head.
    bool same() {
        pass_host();
        return same_ && next_ == request_.headers.list().end();
    }

private:
    static std::string_view text(string_view view) { return {view.data(), view.size()}; }

    /// The host of an absolute target stands in the header's place, wherever that was.
    void pass_host() {
        while (host_from_target_ && next_ != request_.headers.list().end() && http1::same_word(next_->first, "host"))
            ++next_;
    }

    void on_request_impl(http::verb, string_view method, string_view target, int, error_code& ec) override {
        same_ = text(method) == request_.method && text(target) == request_.target;
        ec = {};
    }
    void on_field_impl(http::field field, string_view name, string_view value, error_code& ec) override {
        ec = {};
        if (host_from_target_ && field == http::field::host) return;
        pass_host();
        if (next_ == request_.headers.list().end() || text(name) != next_->first || text(value) != next_->second)
            same_ = false;
        else ++next_;
    }
    void on_header_impl(error_code& ec) override { ec = {}; }
    void on_finish_impl(error_code& ec) override { ec = {}; }

    // Not reached: the body is skipped, and these are requests.
    void on_response_impl(int, string_view, int, error_code& ec) override { ec = http::error::bad_version; }
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code& ec) override {
        ec = http::error::unexpected_body;
    }
    std::size_t on_body_impl(string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
        return 0;
    }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
    }
    std::size_t on_chunk_body_impl(std::uint64_t, string_view, error_code& ec) override {
        ec = http::error::unexpected_body;
        return 0;
    }

    const HttpRequest& request_;
    HttpHeaders::List::const_iterator next_;
    const bool host_from_target_;
    bool same_ = false;
};

}  // namespace

SecondReading read_by_beast(std::string_view head, const HttpRequest& request) {
    Comparison parser(request);
    parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(head.size() + 1, UINT32_MAX)));
    error_code ec;
    const auto used = parser.put(boost::asio::const_buffer(head.data(), head.size()), ec);
    if (ec || used != head.size() || !parser.is_done()) return SecondReading::refused;
    return parser.same() ? SecondReading::same : SecondReading::different;
}

std::string_view reason_phrase(int status) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    return {reason.data(), reason.size()};
}

}  // namespace drover::http_beast
