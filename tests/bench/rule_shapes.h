#pragma once

#include "classify/rules.h"

#include <span>

namespace swathe::bench {

/// One kind of rule set: `count` rules for one listener. The last packet that a rule matches, on the middle one of its ports, is
/// a hit; on the port before that none matches.
struct Shape {
    const char* name;
    RuleSet (*rules)(std::uint32_t count, Protocol protocol);
    std::uint32_t most; ///< rules of this kind that there can be
};

/// One prefix, 10.0.0.0/8, whose listener has blocked `count` sources elsewhere.
[[nodiscard]] RuleSet blocking_rules(std::uint32_t count, Protocol protocol);

/// What the dispatcher is measured with.
[[nodiscard]] std::span<const Shape> shapes();

/// Those among them that the baseline can express and whose destinations are many.
[[nodiscard]] std::span<const Shape> spread_shapes();

} // namespace swathe::bench
