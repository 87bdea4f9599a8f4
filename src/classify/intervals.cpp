#include "classify/intervals.h"

#include <algorithm>
#include <bit>

namespace swathe {
namespace {

constexpr std::size_t kSearched = 8;        // up to so many steps a search costs no more than an index before it
constexpr unsigned kMaxIndexBits = 20;      // cells of one index: 8 MiB
constexpr std::uint32_t kMaxLevels = 6;     // of indexes; below them the rest is searched

U128 minus(const U128& a, const U128& b) noexcept { return {a.hi - b.hi - (a.lo < b.lo ? 1 : 0), a.lo - b.lo}; }

U128 plus(const U128& a, const U128& b) noexcept { return {a.hi + b.hi + (a.lo + b.lo < a.lo ? 1 : 0), a.lo + b.lo}; }

U128 shifted_left(std::uint64_t value, unsigned by) noexcept {
    if (by == 0) return {0, value};
    return by >= 64 ? U128{value << (by - 64), 0} : U128{value >> (64 - by), value << by};
}

/// Only for results below 2^64.
std::uint64_t shifted_right(const U128& value, unsigned by) noexcept {
    if (by == 0) return value.lo;
    return by >= 64 ? value.hi >> (by - 64) : value.hi << (64 - by) | value.lo >> by;
}

unsigned bits_of(const U128& value) noexcept {
    return static_cast<unsigned>(value.hi != 0 ? 64 + std::bit_width(value.hi) : std::bit_width(value.lo));
}

} // namespace

std::size_t PrefixSweep::leave_before(const U128& first) {
    while (!open_.empty() && open_.back().last < first) leave();
    return open_.size();
}

void PrefixSweep::enter(const Prefix& prefix, std::uint32_t answer) {
    if (!open_.empty() && open_.back().prefix == prefix) return;
    emit(prefix.address.bits, answer);
    open_.push_back({prefix, prefix.last().bits, answer});
}

std::vector<Point> PrefixSweep::finish() {
    while (!open_.empty()) leave();
    return std::move(points_);
}

void PrefixSweep::leave() {
    const Open closed = open_.back();
    open_.pop_back();
    const bool to_the_end = closed.last == U128::low_bits(width_of(closed.prefix.family()));
    if (!to_the_end) emit(closed.last.next(), innermost());
}

void PrefixSweep::emit(const U128& first, std::uint32_t answer) {
    if (!points_.empty() && points_.back().first == first) points_.pop_back(); // a longer prefix begins, or a shorter ends, here too
    if (!points_.empty() && points_.back().answer == answer) return;
    points_.push_back({first, answer});
}

dispatch_cell Packer::pack(std::span<const Point> points, bool wide) {
    if (points.size() == 1) return {points.front().answer, 0};
    std::uint32_t at = 0;
    if (wide) {
        at = static_cast<std::uint32_t>(tables_.steps128.size());
        for (const Point& p : points) tables_.steps128.push_back({p.first.hi, p.first.lo, p.answer, 0});
    } else {
        at = static_cast<std::uint32_t>(tables_.steps32.size());
        for (const Point& p : points) tables_.steps32.push_back({static_cast<std::uint32_t>(p.first.lo), p.answer});
    }
    return cell_over(points, at, 0);
}

dispatch_cell Packer::cell_over(std::span<const Point> points, std::uint32_t at, std::uint32_t level) {
    if (points.size() == 1) return {points.front().answer, 0};
    if (points.size() > kSearched && level < kMaxLevels) return index_over(points, at, level);
    const auto steps = static_cast<std::uint32_t>(std::bit_width(points.size() - 1)); // halvings until one is left
    tables_.bounds.steps = std::max(tables_.bounds.steps, steps);
    return {at, static_cast<std::uint32_t>(points.size())};
}

/// Spreads the keys from the second point (the first has no lower bound) to the last over about as many cells as there are
/// points, and gives each cell the points it needs: the one that covers its beginning, and those inside.
dispatch_cell Packer::index_over(std::span<const Point> points, std::uint32_t at, std::uint32_t level) {
    tables_.bounds.levels = std::max(tables_.bounds.levels, level + 1);
    const U128 base = points[1].first;
    const U128 span = minus(points.back().first, base);
    const unsigned index_bits = std::min(kMaxIndexBits, static_cast<unsigned>(std::bit_width(points.size() - 1)));
    const unsigned shift = bits_of(span) > index_bits ? bits_of(span) - index_bits : 0;
    const auto last = static_cast<std::uint32_t>(shifted_right(span, shift));

    const auto number = static_cast<std::uint32_t>(tables_.indexes.size());
    const auto cells = static_cast<std::uint32_t>(tables_.cells.size());
    tables_.indexes.push_back({base.hi, base.lo, cells, last, shift, 0});
    tables_.cells.resize(tables_.cells.size() + last + 2);
    tables_.cells[cells] = {points.front().answer, 0};
    std::size_t covering = 1, end = 1; // points[covering] covers the cell's first key; points[end] lies behind the cell
    for (std::uint32_t i = 0; i <= last; ++i) {
        const U128 first = plus(base, shifted_left(i, shift));
        while (covering + 1 < points.size() && points[covering + 1].first <= first) ++covering;
        const U128 behind = plus(base, shifted_left(i + 1ULL, shift));
        end = std::max(end, covering + 1);
        while (end < points.size() && (i == last || points[end].first < behind)) ++end;
        const dispatch_cell cell =
            cell_over(points.subspan(covering, end - covering), at + static_cast<std::uint32_t>(covering), level + 1);
        tables_.cells[cells + 1 + i] = cell; // not before: the vector may have moved
    }
    return {number, DISPATCH_INDEXED};
}

} // namespace swathe
