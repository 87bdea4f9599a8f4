#include "config/directive_tables.h"

namespace swathe {

std::span<const Directive> cgroup_directives() { return {}; }

} // namespace swathe
