#include "base/prefix.h"

#include <bit>
#include <charconv>

#include <fmt/format.h>

namespace swathe {
namespace {

U128 host_bits(const Prefix& p) noexcept { return U128::low_bits(width_of(p.family()) - p.length); }

unsigned trailing_zeros(const U128& value) noexcept {
    if (value.lo != 0) return static_cast<unsigned>(std::countr_zero(value.lo));
    return value.hi == 0 ? 128 : 64 + static_cast<unsigned>(std::countr_zero(value.hi));
}

} // namespace

Address Prefix::last() const noexcept { return {address.family, address.bits | host_bits(*this)}; }

bool Prefix::contains(const Address& a) const noexcept {
    return a.family == address.family && (a.bits & ~host_bits(*this)) == address.bits;
}

bool Prefix::contains(const Prefix& p) const noexcept { return p.length >= length && contains(p.address); }

std::string Prefix::to_string() const { return fmt::format("{}/{}", address.to_string(), length); }

Prefix prefix_of(const Address& address, unsigned length) noexcept {
    Prefix p{address, static_cast<std::uint8_t>(length)};
    p.address.bits = p.address.bits & ~host_bits(p);
    return p;
}

Result<Prefix> parse_prefix(std::string_view text) {
    const std::size_t slash = text.find('/');
    auto address = parse_address(text.substr(0, slash));
    if (!address) return Failure(std::move(address).error());
    const unsigned width = width_of(address->family);
    if (slash == text.npos) return Prefix::host(*address);

    const std::string_view digits = text.substr(slash + 1);
    unsigned length = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    if (error != std::errc{} || end != digits.data() + digits.size() || length > width)
        return failure(fmt::format("not a prefix length in 0-{}", width));
    const Prefix p = prefix_of(*address, length);
    if (p.address != *address) return failure(fmt::format("address has bits behind /{}; the prefix is {}", length, p.to_string()));
    return p;
}

std::string AddressRange::to_string() const {
    if (first == last) return first.to_string();
    std::vector<Prefix> prefixes;
    append_prefixes(*this, prefixes);
    if (prefixes.size() == 1) return prefixes.front().to_string();
    return fmt::format("{}-{}", first.to_string(), last.to_string());
}

Result<AddressRange> parse_address_range(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == text.npos) return parse_prefix(text).map([](const Prefix& p) { return AddressRange::of(p); });
    auto first = parse_address(text.substr(0, dash));
    if (!first) return Failure(std::move(first).error());
    auto last = parse_address(text.substr(dash + 1));
    if (!last) return Failure(std::move(last).error());
    if (first->family != last->family) return failure("range from one address family to the other");
    if (*last < *first) return failure("range ends below its start");
    return AddressRange{*first, *last};
}

void append_prefixes(const AddressRange& range, std::vector<Prefix>& out) {
    if (range.first == range.last) return out.push_back(Prefix::host(range.first)); // most lines of a long list
    const unsigned width = width_of(range.family());
    U128 at = range.first.bits;
    for (;;) {
        // the largest block that starts at `at` and does not pass the end
        unsigned free_bits = std::min(trailing_zeros(at), width);
        while ((at | U128::low_bits(free_bits)) > range.last.bits) --free_bits;
        out.push_back({{range.family(), at}, static_cast<std::uint8_t>(width - free_bits)});
        const U128 last = at | U128::low_bits(free_bits);
        if (last == range.last.bits) return;
        at = last.next();
    }
}

} // namespace swathe
