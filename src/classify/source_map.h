#pragma once

#include "classify/intervals.h"

#include <span>

namespace swathe {

/// What one rule says about sources.
struct SourceTerms {
    const std::vector<Prefix>* from = nullptr;      ///< nullptr: any
    const std::vector<Prefix>* strangers = nullptr; ///< but not these; nullptr: none
};

/// From a source of `family` to the number, counted from 1, of the rule that takes it: the one that has the longest prefix around
/// it, of several the first; 0 = none does. Pure.
[[nodiscard]] std::vector<Point> source_points(std::span<const SourceTerms> rules, Family family);

} // namespace swathe
