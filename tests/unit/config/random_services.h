#pragma once

#include <random>
#include <string>
#include <vector>

namespace swathe {

/// A TOML file of a service with keys and values by chance: every directive of the table may be in it, and the whole is valid.
/// `others` are services that it may name, and so may it one that is called "z"; `list` is a file of addresses.
[[nodiscard]] std::string random_service(std::mt19937& random, const std::string& name, const std::vector<std::string>& others,
                                         const std::string& list);

} // namespace swathe
