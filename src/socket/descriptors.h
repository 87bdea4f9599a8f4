#pragma once

#include <cstddef>

namespace swathe {

/// What a start of an instance may have open at once, its connection included; a flow has its socket twice.
inline constexpr std::size_t kDescriptorsOfStart = 12;

/// Can `count` more be opened? A connection that is accepted cannot go back into the backlog, so that this is asked before.
[[nodiscard]] bool has_descriptors(std::size_t count) noexcept;

} // namespace swathe
