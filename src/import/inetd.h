#pragma once

#include "import/draft.h"

namespace swathe {

/// Makes services of the lines of an inetd.conf, as openbsd-inetd and inetd of GNU inetutils read it (inetd.conf(5)): with addresses in
/// front, several in one line, tcp6 and its kin, limits per minute, buffer sizes, UNIX sockets, `internal`, and lines that go on where the
/// next one begins with white space. `report` gets a warning for each thing that is not carried over, with its line.
[[nodiscard]] std::vector<WrittenService> import_inetd(std::string_view text, SourceFile file, const PortOf& ports, Report& report);

} // namespace swathe
