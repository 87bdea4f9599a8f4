#pragma once

#include "classify/tables.h"

#include <map>
#include <tuple>
#include <vector>

namespace swathe {

/// Finds the rules that match a packet without reading them all: it looks at those whose prefix contains the destination, and leaves
/// the judgement to the oracle. A value: it holds no reference to the rules, which must be the same ones in every call.
class RuleFinder {
public:
    explicit RuleFinder(const RuleSet& rules);

    /// All that match, the winner first, as decide_by_rules() has them.
    [[nodiscard]] std::vector<RuleId> matching(const RuleSet& rules, const Flow& flow, const InterfaceIndex& interface_index) const;

private:
    using Length = std::tuple<Protocol, Family, std::uint8_t>; ///< of destination prefixes
    std::map<Length, std::vector<RuleId>> by_length_;          ///< sorted by address
};

} // namespace swathe
