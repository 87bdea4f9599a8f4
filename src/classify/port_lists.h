#pragma once

#include "classify/choices.h"
#include "classify/holes.h"
#include "classify/plane.h"

namespace swathe {

/// What a node does with ports: the part of it that does not depend on where it hangs.
struct PortList {
    dispatch_cell cell{};
    std::uint16_t first_port = 1, last_port = 0; ///< none: the list is empty
    [[nodiscard]] bool empty() const noexcept { return last_port < first_port; }
};

/// Builds the port lists of one plane, equal ones once.
class PortListBuilder {
public:
    PortListBuilder(const CompileInput& input, const HoleIndex& holes, const RuleIndex& index, ChoiceBuilder& choices,
                    Tables& tables, const Plane& plane);

    /// A prefix with its rules and specials, and the rules of the shorter prefixes around it.
    struct Place {
        Prefix prefix;
        std::span<const PlaneRule> rules;
        std::span<const Special> specials;
        std::span<const std::span<const PlaneRule>> around;
    };

    /// Index of the list for a place; see list().
    [[nodiscard]] std::uint32_t list_for(const Place& place);
    /// Is each list for one place only? So it is where each rule is counted for itself.
    [[nodiscard]] bool all_differ() const noexcept { return counting_; }
    [[nodiscard]] const PortList& list(std::uint32_t index) const { return lists_[index]; }

private:
    static constexpr std::uint32_t kNone = 0xffffffffU;

    [[nodiscard]] bool is_cut(const Place& place) const;
    [[nodiscard]] std::uint32_t build(const Place& place);
    void append_atoms(std::span<const PlaneRule> rules, const Prefix& at, std::vector<Atom>& atoms, std::vector<PortRange>* excluded) const;
    [[nodiscard]] std::uint32_t store(std::vector<Point> points);

    const CompileInput& input_;
    const HoleIndex& holes_;
    ChoiceBuilder& choices_;
    Tables& tables_;
    const Plane& plane_;
    bool counting_;
    std::vector<std::uint32_t> holes_by_group_; // Rule::holes of each group: a million rules need not be touched for it
    std::vector<PortList> lists_;
    std::map<std::vector<Point>, std::uint32_t> by_content_;
    std::vector<std::uint32_t> by_group_;                          // places with one rule
    std::map<std::vector<std::uint32_t>, std::uint32_t> by_groups_; // places with several
    std::vector<std::uint32_t> key_;                               // scratch
};

} // namespace swathe
