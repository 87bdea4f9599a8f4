#pragma once

#include "classify/rules.h"

#include <bitset>

namespace swathe {

/// Answers which parts of a prefix are holes, for hole sets of any size.
class HoleIndex {
public:
    explicit HoleIndex(const RuleSet& rules);

    /// Appends the ports that are holes of `set` on the whole of `prefix`.
    void append_covering(std::uint32_t set, const Prefix& prefix, std::vector<PortRange>& out) const;

    /// Is there a packet to `prefix` and `ports` that is in no hole of `a` nor of `b`? Returns the lowest such run of ports.
    [[nodiscard]] std::optional<PortRange> ports_outside(std::uint32_t a, std::uint32_t b, const Prefix& prefix,
                                                         const PortRange& ports) const;

private:
    struct Set {
        std::vector<const Hole*> holes; ///< sorted by length, then address
        std::bitset<129> lengths;
    };
    std::vector<Set> sets_;
};

/// Do the prefixes together cover all of `whole`?
[[nodiscard]] bool cover(std::vector<Prefix> prefixes, const Prefix& whole);

/// `range` without `cuts`, in ascending order.
[[nodiscard]] std::vector<PortRange> without(const PortRange& range, const std::vector<PortRange>& cuts);

} // namespace swathe
