#pragma once

#include "classify/plane.h"

namespace swathe {

/// Rules that differ in their destination prefix only are one group: the tables name groups, so that what a million prefixes
/// share is stored once. The rule is found again by the group and the address: of a group's rules that contain the address,
/// the one with the longest prefix won, since all else about them is equal.
class RuleIndex {
public:
    static constexpr std::uint32_t kNoGroup = 0xffffffffU;

    explicit RuleIndex(const RuleSet& rules);

    /// Takes in the rules of one plane, sorted as they are there. Call once for each plane.
    void add(std::span<const PlaneRule> rules);

    [[nodiscard]] std::uint32_t group_of(RuleId rule) const { return group_of_[rule]; }
    [[nodiscard]] RuleId first_of(std::uint32_t group) const { return first_of_[group]; }
    [[nodiscard]] std::size_t size_of(std::uint32_t group) const { return begins_[group + 1] - begins_[group]; }
    [[nodiscard]] std::uint32_t groups() const noexcept { return static_cast<std::uint32_t>(begins_.size() - 1); }

    /// Says which group a choice of the tables belongs to; kNoGroup for guards and implicit rules.
    void set_choice(std::uint32_t choice, std::uint32_t group);
    [[nodiscard]] std::uint32_t group_of_choice(std::uint32_t choice) const {
        return choice < group_of_choice_.size() ? group_of_choice_[choice] : kNoGroup;
    }
    [[nodiscard]] std::optional<RuleId> rule_of(std::uint32_t choice, const Address& destination) const;

private:
    /// A rule of a group, all of whose rules are of one family; it stays in memory as long as the tables do.
    struct Entry {
        U128 first;
        RuleId rule = 0;
        std::uint8_t length = 0;
    };
    std::vector<std::uint32_t> group_of_; ///< by rule
    std::vector<RuleId> first_of_;        ///< by group
    std::vector<Entry> entries_;          ///< by group, destination, rule
    std::vector<std::size_t> begins_;     ///< of each group's entries; one more at the end
    std::vector<std::size_t> filled_;     ///< where each group's next entry goes
    std::vector<std::uint32_t> group_of_choice_;
};

} // namespace swathe
