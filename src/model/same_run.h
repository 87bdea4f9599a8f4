#pragma once

#include "model/service.h"

namespace swathe {

/// Would a new instance of `b` run as one of `a` does? What a reload changes in a running one (listeners' addresses, limits, time-outs, restart and
/// kill settings, control group) does not count, nor do places in files.
[[nodiscard]] bool same_run(const Service& a, const Service& b) noexcept;

} // namespace swathe
