#pragma once

#include "dispatch_abi.h"
#include "model/service.h"

namespace swathe {

/// Does the packet path have to ask whether a listener of `service` lets in one more?
[[nodiscard]] bool has_limits(const Service& service, const Listener& listener) noexcept;

/// What it asks. Rates are kept to the nanosecond; their sums do not overflow.
[[nodiscard]] dispatch_limit limit_for(const Service& service, const Listener& listener, std::uint32_t limiter) noexcept;

} // namespace swathe
