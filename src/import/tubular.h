#pragma once

#include "import/draft.h"

namespace swathe {

/// Makes a service of each label in the bindings of Cloudflare's tubular: a file for "tubectl load-bindings" (JSON), or lines
/// "tubectl bind LABEL PROTOCOL PREFIX PORT" of a script. Such a file does not say which program serves: it is called after the label,
/// which `report` has a warning about. Bindings that cannot be read are errors.
[[nodiscard]] std::vector<WrittenService> import_tubular(std::string_view text, SourceFile file, Report& report);

} // namespace swathe
