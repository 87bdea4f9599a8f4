#include "process/low_descriptors.h"

#include "base/unique_fd.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

namespace swathe {
namespace {

/// Each number is held by a copy of the first descriptor, which is of /dev/null.
struct Reserve {
    UniqueFd holder;
    std::array<UniqueFd, kReservedDescriptors> numbers;
};

Reserve& reserve() noexcept {
    static Reserve all;
    return all;
}

} // namespace

void reserve_low_descriptors() noexcept {
    Reserve& all = reserve();
    if (all.holder) return;
    all.holder.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (UniqueFd& number : all.numbers) number.reset(::fcntl(all.holder.get(), F_DUPFD_CLOEXEC, 0));
}

LoweredFds::~LoweredFds() {
    const Reserve& all = reserve();
    for (std::size_t i = 0; i < used_; ++i)
        (void)::dup3(all.holder.get(), all.numbers[i].get(), O_CLOEXEC); // whom it stood for must not stay open
}

int LoweredFds::lower(int fd) noexcept {
    const int number = place(fd);
    end_ = std::max(end_, number + 1);
    return number;
}

int LoweredFds::place(int fd) noexcept {
    const Reserve& all = reserve();
    if (fd < kLowDescriptors) return fd;
    const auto* const found = std::find(known_.begin(), known_.begin() + used_, fd);
    const auto at = static_cast<std::size_t>(found - known_.begin());
    if (at < used_) return all.numbers[at].get();
    if (at == known_.size()) return fd;
    const int number = all.numbers[at].get();
    if (number < 0 || number >= fd || ::dup3(fd, number, O_CLOEXEC) < 0) return fd;
    known_[used_++] = fd;
    return number;
}

} // namespace swathe
