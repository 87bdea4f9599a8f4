// Time spans: what is read lies within its bounds, is printed, and is read as the same again.

#include "check.h"
#include "config/time_span.h"

using namespace swathe;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    for (const Duration bare : {Duration(std::chrono::seconds(1)), Duration(std::chrono::milliseconds(1))}) {
        const auto span = parse_time_span(text, bare);
        if (!span) {
            fuzz::check_message(span.error().message);
            continue;
        }
        FUZZ_CHECK(*span == kInfinity || (*span >= Duration::zero() && *span <= kTimeSpanMax), "{} is {} us", text, span->count());
        const std::string printed = format_time_span(*span);
        const auto again = parse_time_span(printed, bare);
        FUZZ_CHECK(again.has_value() && *again == *span, "{} was printed as {}", text, printed);
        const auto doubled = parse_time_span(fmt::format("{} {}", printed, printed), bare);
        const bool fits = *span != kInfinity && *span <= kTimeSpanMax / 2;
        FUZZ_CHECK(doubled.has_value() == fits, "{} twice", printed);
        FUZZ_CHECK(!fits || *doubled == *span * 2, "{} twice is {} us", printed, doubled->count());
    }
    return 0;
}
