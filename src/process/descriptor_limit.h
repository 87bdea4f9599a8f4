#pragma once

#include <optional>
#include <sys/resource.h>

namespace swathe {

/// Raises this process's soft limit of descriptors to the hard one: a socket for each listener counts. Children without limit_nofile
/// get the old one back, since programs that use select(2) or close all descriptors up to the limit rely on it being small.
void raise_descriptor_limit() noexcept;

/// The limit that this process was started with, once raise_descriptor_limit() has changed it.
[[nodiscard]] std::optional<rlimit> inherited_descriptor_limit() noexcept;

} // namespace swathe
