#pragma once

#include <cstdint>

namespace swathe {

/// Which signals this process ignores, and would hand on by an exec: bit N - 1 for signal N. Asked of the kernel once, since every
/// start of a child needs it: whoever ignores another one after that has to call ask_ignored_signals_again().
[[nodiscard]] std::uint64_t ignored_signals() noexcept;
void ask_ignored_signals_again() noexcept;

} // namespace swathe
