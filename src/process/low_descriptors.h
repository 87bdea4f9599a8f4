#pragma once

#include <array>
#include <cstddef>

namespace swathe {

/// A child that shares our table of descriptors leaves it with a copy of its beginning (close_range(2), CLOSE_RANGE_UNSHARE). That costs as
/// much as stands below the highest number that it needs, and up to this number next to nothing (linux/fdtable.h, NR_OPEN_DEFAULT).
inline constexpr int kLowDescriptors = 64;

/// Numbers that LoweredFds may use at once. A child is mostly passed its connection and two pipes.
inline constexpr std::size_t kReservedDescriptors = 16;

/// Sets the lowest numbers that are free aside for LoweredFds: once, before thousands of other descriptors have them. Fewer than wanted, or none,
/// cost time at a start, and nothing else.
void reserve_low_descriptors() noexcept;

/// Knows descriptors with high numbers by reserved low ones as well, for its life. Of one thread at a time.
class LoweredFds {
public:
    LoweredFds() noexcept = default;
    LoweredFds(const LoweredFds&) = delete;
    LoweredFds& operator=(const LoweredFds&) = delete;
    ~LoweredFds();

    /// A number for `fd`, the same one each time: its own, if that is low or no lower one is reserved and free.
    [[nodiscard]] int lower(int fd) noexcept;
    /// Above all that lower() has returned, and the standard streams.
    [[nodiscard]] int end() const noexcept { return end_; }

private:
    [[nodiscard]] int place(int fd) noexcept;

    std::array<int, kReservedDescriptors> known_{}; ///< whom the reserved numbers stand for, the first `used_` of them
    std::size_t used_ = 0;
    int end_ = 3;
};

} // namespace swathe
