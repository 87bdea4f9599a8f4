#include "process/descriptor_limit.h"

namespace swathe {
namespace {

std::optional<rlimit>& inherited_limit() noexcept {
    static std::optional<rlimit> limit;
    return limit;
}

} // namespace

void raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max) return;
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) inherited_limit() = limit;
}

std::optional<rlimit> inherited_descriptor_limit() noexcept { return inherited_limit(); }

} // namespace swathe
