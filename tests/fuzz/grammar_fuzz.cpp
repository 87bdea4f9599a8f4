// Addresses, prefixes, ranges, ports and endpoints: what is read is printed, and what is printed is read as the same again.

#include "base/port_range.h"
#include "base/prefix.h"
#include "check.h"
#include "config/endpoint.h"
#include "config/net_values.h"

using namespace swathe;

namespace {

const SourcePos kPlace{SourceFile("fuzz.toml"), 3, 5};

/// What `parse` makes of `text` is what it makes of that printed; nothing if it refuses the text.
template <class Parse> auto there_and_back(Parse parse, std::string_view text) -> decltype(parse(text)) {
    auto value = parse(text);
    if (!value) {
        fuzz::check_message(value.error().message);
        return value;
    }
    const std::string printed = value->to_string();
    const auto again = parse(printed);
    FUZZ_CHECK(again.has_value(), "{} was printed as {}: {}", text, printed, again.error().to_string());
    FUZZ_CHECK(*again == *value, "{} was printed as {}, which is {}", text, printed, again->to_string());
    return value;
}

/// Prefixes from one end of the range to the other, without a gap, no two that are one, no more than there can be.
void check_cut(const AddressRange& range) {
    std::vector<Prefix> prefixes;
    append_prefixes(range, prefixes);
    const unsigned width = width_of(range.family());
    FUZZ_CHECK(prefixes_in(range) == prefixes.size() && prefixes.size() <= std::max(1U, 2 * width - 2), "{}", range.to_string());
    U128 next = range.first.bits;
    const Prefix* before = nullptr;
    for (const Prefix& prefix : prefixes) {
        FUZZ_CHECK(prefix.family() == range.family() && prefix.length <= width && prefix.first().bits == next, "{}: {}", range.to_string(),
                   prefix.to_string());
        const bool twins =
            before != nullptr && before->length == prefix.length && prefix_of(before->address, prefix.length - 1U).contains(prefix);
        FUZZ_CHECK(!twins, "{}: {} and {} are one", range.to_string(), before->to_string(), prefix.to_string());
        next = prefix.last().bits.next();
        before = &prefix;
    }
    FUZZ_CHECK(prefixes.back().last() == range.last, "{}", range.to_string());
}

void check_addresses(std::string_view text) {
    if (const auto address = there_and_back(parse_address, text)) FUZZ_CHECK(!address->is_v4_mapped(), "{}", text);
    if (const auto prefix = there_and_back(parse_prefix, text)) {
        FUZZ_CHECK(prefix->contains(prefix->first()) && prefix->contains(prefix->last()), "{}", text);
        FUZZ_CHECK(prefix_of(prefix->last(), prefix->length) == *prefix, "{}", text);
    }
    if (const auto range = there_and_back(parse_address_range, text)) {
        FUZZ_CHECK(range->first <= range->last && range->first.family == range->last.family, "{}", text);
        check_cut(*range);
    }
    if (const auto claim = parse_claim(text)) FUZZ_CHECK(parse_address_range(text).value() == *claim, "{}", text);
    (void)there_and_back(parse_socket_address, text);
}

void check_ports(const std::vector<PortRange>& ports, std::string_view text) {
    FUZZ_CHECK(!ports.empty(), "{}", text);
    for (std::size_t i = 0; i < ports.size(); ++i) {
        FUZZ_CHECK(ports[i].first >= 1 && ports[i].first <= ports[i].last, "{}", text);
        FUZZ_CHECK(i == 0 || ports[i - 1].last < ports[i].first, "{}: not sorted, or not disjoint", text);
    }
}

void check_port_lists(std::string_view text) {
    (void)there_and_back(parse_port_range, text);
    const auto ports = parse_port_list(text);
    if (!ports) return fuzz::check_message(ports.error().message);
    check_ports(*ports, text);
    FUZZ_CHECK(parse_port_list(to_string(*ports)).value() == *ports, "{} was printed as {}", text, to_string(*ports));
}

void check_endpoint(std::string_view text, EndpointUse use) {
    const auto endpoint = parse_endpoint(text, kPlace, use);
    if (!endpoint) {
        const Error& error = endpoint.error();
        fuzz::check_message(error.message);
        FUZZ_CHECK(error.pos && error.pos->file == kPlace.file && error.pos->line == kPlace.line, "{}", error.to_string());
        FUZZ_CHECK(error.pos->column >= kPlace.column && error.pos->column <= kPlace.column + text.size(), "{}", error.to_string());
        return;
    }
    check_ports(endpoint->ports, text);
    FUZZ_CHECK(!endpoint->addresses.empty(), "{}", text);
    for (const auto& [range, where] : endpoint->addresses) {
        const std::string ports = to_string(endpoint->ports);
        const std::string printed = range.family() == Family::ipv6 ? fmt::format("[{}]:{}", range.to_string(), ports)
                                                                   : fmt::format("{}:{}", range.to_string(), ports);
        const auto again = parse_endpoint(printed, kPlace, EndpointUse::hole);
        FUZZ_CHECK(again.has_value(), "{} was printed as {}: {}", text, printed, again.error().to_string());
        FUZZ_CHECK(again->addresses.size() == 1 && again->addresses[0].value == range && again->ports == endpoint->ports,
                   "{} was printed as {}", text, printed);
        FUZZ_CHECK(where == kPlace, "{}", text);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    check_addresses(text);
    check_port_lists(text);
    check_endpoint(text, EndpointUse::listen);
    check_endpoint(text, EndpointUse::hole);
    return 0;
}
