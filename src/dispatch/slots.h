#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace swathe {

/// Which slots of the SOCKMAP are free. Pure. A released slot rests until it is certain that no program names it.
class Slots {
public:
    explicit Slots(std::uint32_t capacity) : capacity_(capacity) {}

    [[nodiscard]] std::optional<std::uint32_t> take(); ///< the lowest free one; nothing: none is free
    void release(std::uint32_t slot);                  ///< puts it to rest; a slot that is not taken is ignored
    [[nodiscard]] bool taken(std::uint32_t slot) const { return slot < next_ && free_.count(slot) == 0 && resting_.count(slot) == 0; }
    [[nodiscard]] std::size_t resting() const noexcept { return resting_.size(); }
    /// Frees what rests, but for the slots that `named` (by slot; shorter than the capacity: false) says are in the tables.
    void wake(const std::vector<bool>& named);

private:
    std::uint32_t capacity_;
    std::uint32_t next_ = 0; ///< from here on never taken yet
    std::set<std::uint32_t> free_, resting_;
};

} // namespace swathe
