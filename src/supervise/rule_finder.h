#pragma once

#include "classify/rule_index.h"
#include "classify/tables.h"

namespace swathe {

/// All rules that match a packet, the winner first, as decide_by_rules() has them; but of the rules it reads those alone whose
/// prefix contains the destination. `index` is that of tables compiled from `rules`: nothing is built for it.
[[nodiscard]] std::vector<RuleId> matching_rules(const RuleSet& rules, const RuleIndex& index, const Flow& flow,
                                                 const InterfaceIndex& interface_index);

} // namespace swathe
