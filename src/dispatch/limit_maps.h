#pragma once

#include "base/error.h"
#include "base/prefix.h"
#include "base/unique_fd.h"
#include "dispatch_abi.h"

#include <cstdint>
#include <set>
#include <tuple>

namespace swathe {

/// What becomes of sources when there are more than buckets.
enum class SourceMap : std::uint8_t {
    forgets,   ///< the bucket that was not used for longest is given to the next one
    keeps_all, ///< new ones get none; for tests of what the packet path does then
};

/// What the listeners of one dispatcher have let in, over all its generations: their buckets, those of their sources, and who is
/// shut out for now. It takes 7 MiB of the kernel's memory, 6 of them for DISPATCH_SOURCES sources, and more while some are shut out.
class LimitMaps {
public:
    /// `sources`: how many buckets of sources there can be.
    [[nodiscard]] static Result<LimitMaps> create(std::uint32_t sources = DISPATCH_SOURCES, SourceMap kind = SourceMap::forgets);
    LimitMaps(LimitMaps&& other) noexcept;
    LimitMaps& operator=(LimitMaps&& other) noexcept;
    ~LimitMaps();

    [[nodiscard]] int limiters_fd() const noexcept { return limiters_.get(); }
    [[nodiscard]] int sources_fd() const noexcept { return sources_.get(); }
    [[nodiscard]] int blocks_fd() const noexcept { return blocks_.get(); }

    /// Limiter `number` belongs to another listener from now on. No running program may name it.
    void renew(std::uint32_t number) noexcept;
    void set_gate(std::uint32_t number, bool closed) noexcept;
    /// Errors: DISPATCH_BLOCKS are blocked already.
    [[nodiscard]] Status block(std::uint32_t number, const Prefix& source, bool on);

private:
    LimitMaps() = default;
    [[nodiscard]] dispatch_source key_of(std::uint32_t number, const Prefix& source) const noexcept;

    UniqueFd limiters_, sources_, blocks_;
    dispatch_limiter* states_ = nullptr; ///< the map's own memory: what the packet path changes must not be overwritten
    using Blocked = std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>;
    std::set<Blocked> blocked_; ///< number, address
};

} // namespace swathe
