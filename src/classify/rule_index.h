#pragma once

#include "classify/flow.h"
#include "classify/plane.h"
#include "dispatch_abi.h"

#include <array>
#include <span>
#include <bitset>

namespace swathe {

/// Rules that differ in their destination prefix only are one group: the tables name groups, so that what a million prefixes
/// share is stored once. The rule is found again by the group and the address: of a group's rules that contain the address,
/// the one with the longest prefix won, since all else about them is equal.
/// It takes 4 bytes a rule, and shares the rules themselves with the rule set.
class RuleIndex {
public:
    static constexpr std::uint32_t kNoGroup = 0xffffffffU;

    explicit RuleIndex(const RuleSet& rules);

    /// Takes in the rules of one plane, sorted as they are there. Call once for each plane.
    void add(const Plane& plane);

    [[nodiscard]] std::uint32_t group_of(RuleId rule) const { return groups_of_block_[rules_.block_of(rule)][is_ipv6(rule)]; }
    [[nodiscard]] RuleId first_of(std::uint32_t group) const { return groups_[group].first; }
    [[nodiscard]] std::size_t size_of(std::uint32_t group) const { return groups_[group].size; }
    [[nodiscard]] std::uint32_t groups() const noexcept { return static_cast<std::uint32_t>(groups_.size()); }

    /// The rules of a plane (DISPATCH_PLANE), as in Plane::rules.
    [[nodiscard]] std::span<const RuleId> order(std::size_t plane) const { return orders_[plane].rules; }

    /// Says which group a choice of the tables belongs to; kNoGroup for guards and implicit rules.
    void set_choice(std::uint32_t choice, std::uint32_t group);
    [[nodiscard]] std::uint32_t group_of_choice(std::uint32_t choice) const {
        return choice < group_of_choice_.size() ? group_of_choice_[choice] : kNoGroup;
    }
    [[nodiscard]] std::optional<RuleId> rule_of(std::uint32_t choice, const Flow& flow) const;

    /// The rules of the flow's plane whose prefix contains its destination, in ascending order.
    [[nodiscard]] std::vector<RuleId> around(const Flow& flow) const;

private:
    struct Group {
        RuleId first = 0;
        std::size_t size = 0;
    };
    struct PlaneOrder {
        std::vector<RuleId> rules; ///< as in Plane::rules
        std::bitset<129> lengths;  ///< of their prefixes
    };
    [[nodiscard]] bool is_ipv6(RuleId rule) const { return rules_.destination(rule).family() == Family::ipv6; }
    [[nodiscard]] const PlaneOrder& order_of(const Flow& flow) const;
    [[nodiscard]] std::span<const RuleId> rules_at(const PlaneOrder& order, const Prefix& prefix) const;

    RuleList rules_;
    std::vector<std::array<std::uint32_t, 2>> groups_of_block_; ///< IPv4, IPv6
    std::vector<Group> groups_;
    std::array<PlaneOrder, DISPATCH_PLANES> orders_;
    std::vector<std::uint32_t> group_of_choice_;
};

} // namespace swathe
