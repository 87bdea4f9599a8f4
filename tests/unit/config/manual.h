#pragma once

#include "config/directives.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// The pages of the manual that have the keys, as tests read them.
inline constexpr std::string_view kTomlPage = "swathe.toml.5";
inline constexpr std::string_view kServicePage = "swathe.service.5";

[[nodiscard]] std::vector<std::string> manual_lines(std::string_view page);

/// One key's entry: an item ".It Ic KEY" of an outermost list.
struct ManualEntry {
    std::string page;
    std::string section; ///< the title of its .Sh
    std::string key;
    std::vector<std::string> lines;        ///< facts and text, without the examples
    std::vector<std::string> example;      ///< in TOML; of a key that only units have, of a unit
    std::vector<std::string> unit_example; ///< where it is given
};

/// All of both pages, in their order.
[[nodiscard]] std::vector<ManualEntry> manual_entries();

/// The lines that the entry of a directive begins with. The first one says where the key stands.
[[nodiscard]] std::vector<std::string> facts_of(const Directive& directive);

/// Its entry. Fails the test if there is none, or more than one.
[[nodiscard]] const ManualEntry& entry_of(const std::vector<ManualEntry>& entries, const Directive& directive);

} // namespace swathe
