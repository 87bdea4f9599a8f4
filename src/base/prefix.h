#pragma once

#include "base/address.h"

#include <vector>

namespace swathe {

/// A CIDR block. The bits behind `length` are zero.
struct Prefix {
    Address address;
    std::uint8_t length = 0; ///< 0..32 or 0..128

    [[nodiscard]] static Prefix host(const Address& address) noexcept {
        return {address, static_cast<std::uint8_t>(width_of(address.family))};
    }
    [[nodiscard]] Family family() const noexcept { return address.family; }
    [[nodiscard]] Address first() const noexcept { return address; }
    [[nodiscard]] Address last() const noexcept;
    [[nodiscard]] bool contains(const Address& a) const noexcept;
    [[nodiscard]] bool contains(const Prefix& p) const noexcept; ///< p is this prefix or a longer one inside it
    [[nodiscard]] std::string to_string() const;                 ///< "192.0.2.0/24"; always with the length

    friend auto operator<=>(const Prefix&, const Prefix&) noexcept = default;
};

/// Reads "ADDR/LEN" or "ADDR" (a host prefix). Refuses bits behind the length, naming the prefix that was meant.
[[nodiscard]] Result<Prefix> parse_prefix(std::string_view text);

/// The longest prefix of the same length as asked that contains `address`. Requires length <= width.
[[nodiscard]] Prefix prefix_of(const Address& address, unsigned length) noexcept;

/// Addresses from `first` to `last`, both inclusive, of one family.
struct AddressRange {
    Address first;
    Address last;

    [[nodiscard]] static AddressRange of(const Prefix& p) noexcept { return {p.first(), p.last()}; }
    [[nodiscard]] Family family() const noexcept { return first.family; }
    [[nodiscard]] bool contains(const Address& a) const noexcept {
        return a.family == first.family && first <= a && a <= last;
    }
    /// A prefix prints as such, a single address without length, anything else as "A-B".
    [[nodiscard]] std::string to_string() const;

    friend auto operator<=>(const AddressRange&, const AddressRange&) noexcept = default;
};

/// Reads "ADDR", "ADDR/LEN" or "ADDR-ADDR". Errors: mixed families, an end below the start, as parse_prefix.
[[nodiscard]] Result<AddressRange> parse_address_range(std::string_view text);

/// Appends the minimal set of prefixes that covers exactly `range`, in ascending order: at most 62 for IPv4, 254 for
/// IPv6.
void append_prefixes(const AddressRange& range, std::vector<Prefix>& out);

} // namespace swathe
