#pragma once

#include "base/address.h"
#include "socket/net_namespace.h"

#include <string>
#include <vector>

namespace swathe {

/// The addresses configured on the interfaces of the namespace, sorted, each once.
[[nodiscard]] Result<std::vector<Address>> interface_addresses(const NetNamespace& ns);

/// The index of the interface called `name` in the namespace; 0 = there is none now.
[[nodiscard]] Result<std::uint32_t> interface_index(const NetNamespace& ns, const std::string& name);

/// And back; "" = there is no such interface now.
[[nodiscard]] Result<std::string> interface_name(const NetNamespace& ns, std::uint32_t index);
/// The same in the calling thread's namespace; "" also if it cannot be asked.
[[nodiscard]] std::string interface_name(std::uint32_t index);

} // namespace swathe
