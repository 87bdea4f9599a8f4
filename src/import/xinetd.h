#pragma once

#include "import/draft.h"
#include "import/xinetd_text.h"

namespace swathe {

/// Makes services of all sections of all files, those of each service joined with the defaults: xinetd.conf(5). `report` gets a warning for
/// each thing that is not carried over, with its line; services that are off are passed over with one.
[[nodiscard]] std::vector<WrittenService> import_xinetd(const std::vector<XinetdText>& files, const PortOf& ports, Report& report);

} // namespace swathe
