#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "classify/same_rules.h"

#include <vector>

namespace swathe {

/// How many packets each rule of one generation decided: what its map counts, and what was counted before for the same rules.
class RuleHits {
public:
    RuleHits() = default; ///< of no rules
    [[nodiscard]] static Result<RuleHits> create(std::uint32_t rules);

    [[nodiscard]] int fd() const noexcept { return map_.get(); } ///< -1: of no rules
    [[nodiscard]] std::vector<std::uint64_t> read() const;       ///< by rule, summed over all CPUs
    /// What the rules in `same` counted, by the numbers that they have now. No running program may use the map any more.
    [[nodiscard]] std::vector<std::uint64_t> carried(const SameRules& same) const;
    void add(const std::vector<std::uint64_t>& carried); ///< to what is counted here, by rule

private:
    UniqueFd map_;
    std::uint32_t rules_ = 0;
    std::vector<std::uint64_t> earlier_; ///< by rule; empty: nothing
};

} // namespace swathe
