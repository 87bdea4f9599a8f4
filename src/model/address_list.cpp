#include "model/address_list.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace swathe {
namespace {

unsigned bit_width(const U128& value) noexcept {
    const auto width = [](std::uint64_t half) { return half == 0 ? 0U : 64U - static_cast<unsigned>(__builtin_clzll(half)); };
    return value.hi != 0 ? 64 + width(value.hi) : width(value.lo);
}

std::optional<Prefix> prefix_of_range(const AddressRange& range) noexcept {
    if (range.first == range.last) return Prefix::host(range.first);
    const U128 differ{range.first.bits.hi ^ range.last.bits.hi, range.first.bits.lo ^ range.last.bits.lo};
    const Prefix prefix = prefix_of(range.first, width_of(range.family()) - bit_width(differ));
    if (AddressRange::of(prefix) != range) return std::nullopt;
    return prefix;
}

} // namespace

void AddressList::push_back(const value_type& range) {
    Data& data = data_.own();
    if (data.runs.empty() || data.runs.back().file != range.pos.file) data.runs.push_back({data.records.size(), range.pos.file});
    const auto prefix = prefix_of_range(range.value);
    if (!prefix || range.pos.column > std::numeric_limits<std::uint16_t>::max()) {
        data.records.push_back({{0, data.others.size()}, 0, 0, 0, Kind::other});
        data.others.push_back(range);
        return;
    }
    data.records.push_back({prefix->address.bits, range.pos.line, static_cast<std::uint16_t>(range.pos.column), prefix->length,
                            prefix->family() == Family::ipv4 ? Kind::ipv4 : Kind::ipv6});
}

void AddressList::append(const AddressList& more) {
    if (empty()) {
        data_ = more.data_;
        return;
    }
    const AddressList same = more; // `more` may be this
    for (const value_type& range : same) push_back(range);
}

AddressList::value_type AddressList::operator[](std::size_t at) const {
    const Data& data = data_.get();
    const Record& record = data.records[at];
    if (record.kind == Kind::other) return data.others[static_cast<std::size_t>(record.first.lo)];
    auto run = data.runs.end() - 1;
    if (run->begin > at)
        run = std::upper_bound(data.runs.begin(), data.runs.end(), at, [](std::size_t i, const Run& r) { return i < r.begin; }) - 1;
    const Prefix prefix{{record.kind == Kind::ipv4 ? Family::ipv4 : Family::ipv6, record.first}, record.length};
    const bool is_host = prefix.length == width_of(prefix.family());
    return {{prefix.first(), is_host ? prefix.first() : prefix.last()}, {run->file, record.line, record.column}};
}

} // namespace swathe
