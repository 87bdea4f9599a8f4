#pragma once

#include "config/texts.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// What the files of one service say, in TOML's terms whatever they were: each directive that is set once, its value
/// canonical (canonical.h) with the places that it comes from. What units mean without saying so, and TOML would not,
/// is set, too, at line 0 of the unit.
struct WrittenService {
    std::string name;
    Format format = Format::toml;
    TomlService text;
};

[[nodiscard]] WrittenService written_in_toml(std::string_view name, const TomlService& text);

/// `sockets` are those that start `service`, in the order of their names. `services` has the names that After= and its
/// kin may name. Reports as warnings, each at its place, what TOML cannot say.
[[nodiscard]] WrittenService written_in_units(const Unit& service, const std::vector<const Unit*>& sockets,
                                              const std::set<std::string, std::less<>>& services, Report& left_out);

/// The .socket units that start `service`, masked and broken ones left out.
[[nodiscard]] std::vector<const Unit*> sockets_of(const Unit& service, const std::vector<Unit>& sockets);

/// The service NAME of a configuration, from TOML if both formats have it. Nothing if there is none that is not masked.
[[nodiscard]] std::optional<WrittenService> find_written(const Texts& texts, std::string_view name,
                                                         Report& left_out);

/// The names of all services of a configuration, those of .service units without a socket left out; sorted.
[[nodiscard]] std::set<std::string, std::less<>> service_names(const Texts& texts);

} // namespace swathe
