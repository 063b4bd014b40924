// The two readers of http-beast: what both accept, both read the same. A head on which they differ is refused, so a
// finding here is no hole; but then one of the two reads something that it should not.
#include "fuzz.hpp"
#include "http1/message_head.hpp"
#include "second_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace drover;
    using http_beast::SecondReading;
    static const HttpLimits limits;
    const auto bytes = fuzz::text_of(data, size);
    const auto scan = http1::scan_head(bytes, limits);
    if (scan.refusal || scan.size == 0) return 0;
    const auto head = bytes.substr(scan.skipped, scan.size);
    http1::MessageHead facts;
    HttpRequest request;
    if (http1::read_head(head, limits, facts, request)) return 0;
    const auto reading = http_beast::read_by_beast(head, request);
    fuzz::expect(reading != SecondReading::different, "both readers read the same", head);
    if (reading == SecondReading::refused) return 0;

    // And it is no yes-man.
    auto other = request;
    other.method += 'X';
    fuzz::expect(http_beast::read_by_beast(head, other) != SecondReading::same, "another method is noticed", head);
    other = request;
    other.headers.add("X-More", "1");
    fuzz::expect(http_beast::read_by_beast(head, other) != SecondReading::same, "another header is noticed", head);
    return 0;
}
