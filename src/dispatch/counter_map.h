#pragma once

#include "base/unique_fd.h"
#include "dispatch/dispatcher.h"

namespace swathe {

/// The counters of all slots. The map has room for the slots in use, not for 65,536 x CPUs: it grows by being replaced, and
/// what the old map counted is kept here.
class CounterMap {
public:
    /// Room for at least `slots`.
    [[nodiscard]] static Result<CounterMap> create(std::uint32_t slots);

    [[nodiscard]] int fd() const noexcept { return map_.get(); }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    [[nodiscard]] SlotCounters read(std::uint32_t slot) const;
    void reset(std::uint32_t slot); ///< to zero; no running program may name the slot
    /// Takes over what `older` counted, which is left with nothing. No running program may use its map any more.
    void continue_from(CounterMap& older);

private:
    struct Sum {
        SlotCounters counters;
        std::uint64_t failed_at = 0; ///< decides which CPU's errno is the last
    };
    [[nodiscard]] Sum sum_of(std::uint32_t slot) const;

    UniqueFd map_;
    std::uint32_t capacity_ = 0;
    std::vector<Sum> earlier_; ///< by slot; of the maps before
};

} // namespace swathe
