#pragma once

#include "classify/tables.h"

namespace swathe {

/// From `first` up to the next point, keys have this answer.
struct Point {
    U128 first;
    std::uint32_t answer = 0;
    friend auto operator<=>(const Point&, const Point&) noexcept = default;
};

/// Turns nested prefixes into disjoint intervals: the longest prefix answers. Prefixes come in ascending order of address,
/// and of length where the addresses are equal.
class PrefixSweep {
public:
    explicit PrefixSweep(std::size_t prefixes) {
        points_.reserve(2 * prefixes + 1); // the most there can be: growing to it would copy a million points over and over
        points_.push_back({});
    }

    /// Leaves every prefix that ends before `first`. Returns how many remain open.
    std::size_t leave_before(const U128& first);
    /// Call leave_before(prefix.first()) first. Of equal prefixes the first one answers.
    void enter(const Prefix& prefix, std::uint32_t answer);
    /// What the innermost open prefix answers; 0 if none is open.
    [[nodiscard]] std::uint32_t innermost() const noexcept { return open_.empty() ? 0 : open_.back().answer; }
    /// Closes all. The first point is key 0; neighbours differ in their answers.
    [[nodiscard]] std::vector<Point> finish();

private:
    struct Open {
        Prefix prefix;
        U128 last;
        std::uint32_t answer;
    };
    void leave();
    void emit(const U128& first, std::uint32_t answer);

    std::vector<Open> open_;
    std::vector<Point> points_;
};

/// Writes sorted points into the tables as steps, and indexes over them where there are many.
class Packer {
public:
    explicit Packer(Tables& tables) : tables_(tables) {}

    /// `points` are not empty, ascend, and the first has no lower bound. `wide`: 128-bit keys (steps128).
    [[nodiscard]] dispatch_cell pack(std::span<const Point> points, bool wide);

private:
    [[nodiscard]] dispatch_cell cell_over(std::span<const Point> points, std::uint32_t at, std::uint32_t level);
    [[nodiscard]] dispatch_cell index_over(std::span<const Point> points, std::uint32_t at, std::uint32_t level);

    Tables& tables_;
};

} // namespace swathe
