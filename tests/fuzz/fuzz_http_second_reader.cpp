// The two readers of http-beast: what our own rules accept, Beast reads too, and reads the same. A head on which
// they differ is refused, so a finding here is no hole: it is a rule that one of the two lacks, and we want to know.
#include "fuzz.hpp"
#include "http1/message_head.hpp"
#include "second_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace drover;
    static const HttpLimits limits;
    const auto bytes = fuzz::text_of(data, size);
    const auto scan = http1::scan_head(bytes, limits);
    if (scan.refusal || scan.size == 0) return 0;
    const auto head = bytes.substr(scan.skipped, scan.size);
    http1::MessageHead facts;
    HttpRequest request;
    if (http1::read_head(head, limits, facts, request)) return 0;
    fuzz::expect(http_beast::beast_agrees(head, request), "Beast reads the same head", head);

    // And it is no yes-man.
    auto other = request;
    other.method += 'X';
    fuzz::expect(!http_beast::beast_agrees(head, other), "another method is noticed", head);
    other = request;
    other.headers.add("X-More", "1");
    fuzz::expect(!http_beast::beast_agrees(head, other), "another header is noticed", head);
    return 0;
}
