#include "process/ignored_signals.h"

#include <atomic>
#include <csignal>

#include <sys/syscall.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kLastSignal = 64;
constexpr std::size_t kMaskBytes = 8;

/// Raw, since libc leaves two signals of its own out.
std::uint64_t ask() noexcept {
    std::uint64_t all = 0;
    for (int number = 1; number <= kLastSignal; ++number) {
        long action[8] = {}; // the kernel's struct sigaction begins with the handler
        const bool known = ::syscall(SYS_rt_sigaction, number, nullptr, action, kMaskBytes) == 0;
        if (known && action[0] == reinterpret_cast<long>(SIG_IGN)) all |= std::uint64_t{1} << (number - 1);
    }
    return all;
}

std::atomic<std::uint64_t>& known() noexcept {
    static std::atomic<std::uint64_t> mask = ask();
    return mask;
}

} // namespace

std::uint64_t ignored_signals() noexcept { return known().load(std::memory_order_relaxed); }

void ask_ignored_signals_again() noexcept { known().store(ask(), std::memory_order_relaxed); }

} // namespace swathe
