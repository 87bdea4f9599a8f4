#pragma once

#include "base/error.h"
#include "model/service.h"

#include <cstddef>
#include <span>
#include <vector>

namespace swathe {

/// The numbers of `services` in an order in which they can be started one after the other: each behind all that its `after`, `requires` and
/// `binds_to` name, and before those of its `before`; as they stand where these leave it open. Names that no service has do not count.
/// Errors: a cycle, "a -> b -> a", with the place where its first service names the second, or is named by it. O((n + names) log n).
[[nodiscard]] Result<std::vector<std::size_t>> start_order(std::span<const Service> services);

} // namespace swathe
