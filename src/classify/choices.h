#pragma once

#include "classify/intervals.h"
#include "classify/rule_index.h"

#include <map>
#include <tuple>

namespace swathe {

/// One port range of a rule, where it applies.
struct Atom {
    PortRange ports;                     ///< without holes
    std::uint32_t port_count = 0;        ///< of the range as it was written
    std::uint8_t destination_length = 0; ///< of the rule's prefix
    bool has_interface = false;
    bool has_sources = false;
    bool has_strangers = false; ///< except_from
    RuleId rule = 0;

    /// Every packet that gets here takes it: what comes behind is out of reach.
    [[nodiscard]] bool unguarded() const noexcept { return !has_interface && !has_sources && !has_strangers; }
};

/// The order in which rules are tried. As Precision, but that the source is not known yet: rules with `from` come before those
/// without, these before the one without `except_from`, and a map of sources decides between them.
[[nodiscard]] bool tried_before(const Atom& a, const Atom& b) noexcept;

/// Writes choices into the tables, equal ones once.
class ChoiceBuilder {
public:
    ChoiceBuilder(const CompileInput& input, RuleIndex& index, Tables& tables);

    /// The choice that tries `atoms`, sorted by tried_before() and at most the last of them unguarded, one after the other and ends at
    /// `tail` (0 = the parent's).
    [[nodiscard]] std::uint32_t chain(std::span<const Atom* const> atoms, Family family, std::uint32_t tail);

    /// An end that belongs to no rule.
    [[nodiscard]] std::uint32_t end(Verdict verdict);

    /// The first rule of a chain that is longer than kMaxLinks, if there is one.
    [[nodiscard]] std::optional<RuleId> too_long() const noexcept { return too_long_; }

    /// Index of the rule's interface; 0 = there is none now.
    [[nodiscard]] std::uint32_t ifindex(const Rule& rule) const { return ifindexes_[rule.ifname]; }
    /// Has the rule a source of this family? Rules without `from` have.
    [[nodiscard]] bool has_source(const Rule& rule, Family family) const { return source_families_[rule.sources][family == Family::ipv6]; }

private:
    using Atoms = std::span<const Atom* const>;
    using SourceSets = std::vector<std::pair<std::uint32_t, std::uint32_t>>; ///< `from` and `except_from` of rules, in order
    [[nodiscard]] std::uint32_t by_interface(Atoms atoms, Family family, std::uint32_t otherwise);
    [[nodiscard]] std::uint32_t by_source(Atoms atoms, Family family, std::uint32_t otherwise);
    [[nodiscard]] dispatch_cell source_map(Atoms atoms, Family family);
    [[nodiscard]] dispatch_cell source_map(SourceSets sets, Family family);
    [[nodiscard]] std::uint32_t target(const Atom& atom, Family family);
    [[nodiscard]] std::uint32_t steer(const Atom& atom, const Rule& rule, Family family);
    [[nodiscard]] std::uint32_t end_of(const Atom& atom, const dispatch_choice& choice);
    [[nodiscard]] std::uint32_t limit_of(ListenerRef ref);
    [[nodiscard]] std::uint32_t guard(std::uint8_t kind, const dispatch_cell& map, const std::vector<std::uint32_t>& answers);
    [[nodiscard]] std::uint32_t add(const dispatch_choice& choice, std::uint32_t group, std::uint32_t links);
    std::uint32_t append(const dispatch_choice& choice, std::uint32_t group, std::uint32_t links);

    const CompileInput& input_;
    RuleIndex& index_;
    Tables& tables_;
    std::vector<std::uint32_t> ifindexes_;              // by Rule::ifname
    std::vector<std::array<bool, 2>> source_families_;  // by Rule::sources: IPv4, IPv6
    bool counting_;                                     // each rule has a choice of its own
    std::vector<std::uint32_t> targets_;                // by group, or by rule if counting; 0 = not made yet
    std::optional<RuleId> too_long_;
    std::vector<std::uint32_t> links_;                  // by choice: the longest way from it to an end
    using Key = std::tuple<std::uint8_t, std::uint8_t, std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;
    std::map<Key, std::uint32_t> known_;
    std::map<std::vector<std::uint32_t>, std::uint32_t> blocks_; // choices that a guard chooses from, copied side by side
    std::map<std::pair<Family, SourceSets>, dispatch_cell> source_maps_;
    std::map<ListenerRef, std::uint32_t> limits_; // elements of Tables::limits
    std::map<std::vector<std::uint32_t>, dispatch_cell> interface_maps_;                 // by interface indexes
};

} // namespace swathe
