// How the fronts read requests: heads and bodies, as their connections feed them.
#include <algorithm>
#include <vector>

#include "drover/http/local_only.hpp"
#include "fuzz.hpp"
#include "http1/body_reader.hpp"
#include "http1/message_head.hpp"
#include "http1/text.hpp"

namespace {

using namespace drover;
using namespace drover::http1;
using fuzz::expect;

/// Small, so that short inputs reach them.
const HttpLimits& limits() {
    static const HttpLimits small = [] {
        HttpLimits limits;
        limits.header_bytes = 600;
        limits.target_bytes = 100;
        limits.body_bytes = 300;
        return limits;
    }();
    return small;
}

struct Accepted {
    MessageHead head;
    HttpRequest request;
};
struct Outcome {
    std::vector<Accepted> accepted;
    bool refused = false;
};

bool same(const HttpRequest& a, const HttpRequest& b) {
    return a.method == b.method && a.target == b.target && a.path == b.path && a.query == b.query &&
           a.headers.list() == b.headers.list() && a.body == b.body;
}

/// Reads requests one after the other from `bytes`, which come in pieces of `piece`.
Outcome serve(std::string_view bytes, std::size_t piece) {
    Outcome outcome;
    std::string in;
    Accepted next;
    BodyReader body;
    bool in_body = false;
    const auto refuse = [&](const auto& refusal) {
        expect(refusal->status >= 400 && refusal->status <= 599 && !refusal->why.empty(), "a refusal says why");
        outcome.refused = true;
    };
    while (!outcome.refused && (!bytes.empty() || !in.empty())) {
        in.append(bytes.substr(0, piece));
        bytes.remove_prefix(std::min(piece, bytes.size()));
        for (bool going = true; going && !outcome.refused;) {
            if (!in_body) {
                const auto scan = in.empty() ? HeadScan{} : scan_head(in, limits());
                if (scan.refusal) refuse(scan.refusal);
                else if (scan.size == 0) going = false;
                else {
                    next = {};
                    const auto head = std::string_view(in).substr(scan.skipped, scan.size);
                    auto refusal = read_head(head, limits(), next.head, next.request);
                    if (!refusal) refusal = body.begin(next.head, limits());
                    if (refusal) refuse(refusal);
                    in.erase(0, scan.skipped + scan.size);
                    in_body = true;
                }
            } else {
                if (!body.done()) in.erase(0, body.take(in, next.request.body));
                expect(next.request.body.size() <= limits().body_bytes, "a body stays within its limit");
                if (body.refusal()) refuse(body.refusal());
                else if (!body.done()) going = false;
                else {
                    outcome.accepted.push_back(std::move(next));
                    in_body = false;
                }
            }
        }
        if (bytes.empty()) break;
    }
    return outcome;
}

/// What the rest of the program relies on.
void check(const Accepted& one) {
    const auto& request = one.request;
    expect(is_token(request.method), "a method is a token", request.method);
    expect(request.path == "*" || request.path.starts_with('/'), "a path begins with '/'", request.path);
    for (const auto& [name, value] : request.headers.list()) {
        expect(is_token(name), "the name of a header is a token", name);
        expect(std::all_of(value.begin(), value.end(), is_field_char), "a header has no control characters", value);
    }
    expect(!(request.headers.has("Content-Length") && request.headers.has("Transfer-Encoding")),
           "one way alone tells how long a body is");
    (void)check_local_origin(request);
    (void)websocket_key(one.head, request);

    // A proxy that writes it anew from what we understood means the same request.
    std::string written = request.method + " " + request.target + (one.head.http11 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    for (const auto& [name, value] : request.headers.list()) written += name + ": " + value + "\r\n";
    Accepted again;
    const auto refusal = read_head(written + "\r\n", limits(), again.head, again.request);
    expect(!refusal, "a request that is written anew is accepted", refusal ? refusal->why : "");
    again.request.body = request.body;
    expect(same(again.request, request), "a request that is written anew is the same", written);
    expect(again.head.keep_alive == one.head.keep_alive && again.head.chunked == one.head.chunked &&
               again.head.content_length == one.head.content_length,
           "a request that is written anew is framed the same", written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    const auto whole = serve(bytes, std::max<std::size_t>(size, 1));
    for (const auto& one : whole.accepted) check(one);
    for (const std::size_t piece : {std::size_t{1}, 2 + size % 13}) {
        const auto cut = serve(bytes, piece);
        expect(cut.accepted.size() == whole.accepted.size() && (cut.refused || !whole.refused),
               "how a request is cut into pieces does not matter");
        if (cut.refused && !whole.refused) {
            // Sooner is well, but only for what no end could have made a request.
            const auto ended = std::string(bytes) + "\r\n\r\n";
            expect(serve(ended, ended.size()).accepted.size() == whole.accepted.size(),
                   "only what can never be accepted is refused early");
        }
        for (std::size_t i = 0; i < cut.accepted.size(); ++i)
            expect(same(cut.accepted[i].request, whole.accepted[i].request),
                   "how a request is cut into pieces does not matter");
    }
    return 0;
}
