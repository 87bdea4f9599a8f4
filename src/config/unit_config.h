#pragma once

#include "config/service_name.h"
#include "config/unit_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// A .socket or .service unit with all its files.
struct Unit {
    std::string name; ///< "foo.socket"
    std::vector<std::string> aliases; ///< its other names
    SourcePos pos;    ///< its file
    UnitText text;
    std::vector<std::string> files; ///< in the order in which they were read
    bool masked = false;
    bool broken = false; ///< a file could not be read; reported

    [[nodiscard]] UnitId id() const { return {name, pos.file.name()}; } ///< points into it
    /// What its service is called: "foo", also if it is connection_unit("foo"): config/service_name.h.
    [[nodiscard]] std::string_view service() const noexcept { return service_of_unit(name); }
    [[nodiscard]] std::string_view stem() const noexcept { return std::string_view(name).substr(0, name.rfind('.')); }
};

/// Accept=yes.
[[nodiscard]] bool accepts(const Unit& socket);
/// The unit that a .socket unit starts, "foo.service": what Service= says, or the one of its own name; with Accept=yes
/// connection_unit("foo").
[[nodiscard]] std::string service_of(const Unit& socket);

/// Puts .socket units and the .service units that they start together. A service's name is that of its .service unit, without "@";
/// it has the listeners of all .socket units that name it, in the order of their names. Both lists are sorted by name.
/// Reports all that is wrong, and leaves out what it is wrong in. `allowed`: directives that protect and may go unheeded.
[[nodiscard]] std::vector<Service> build_unit_services(const std::vector<Unit>& sockets,
                                                       const std::vector<Unit>& services, Report& report,
                                                       const std::vector<std::string>& allowed = {});

} // namespace swathe
