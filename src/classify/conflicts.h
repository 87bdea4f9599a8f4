#pragma once

#include "classify/holes.h"
#include "classify/plane.h"
#include "classify/tables.h"

#include <map>

namespace swathe {

/// Finds rules of different targets that are equal in precedence and can match the same packet.
class ConflictFinder {
public:
    ConflictFinder(const CompileInput& input, const HoleIndex& holes);

    /// Compares the rules of one destination prefix (rules of different prefixes are never equal and intersecting).
    void check(std::span<const PlaneRule> rules);

    [[nodiscard]] Diagnostics take() { return std::move(found_); }
    [[nodiscard]] bool full() const noexcept { return found_.size() >= kMaxConflicts; }

private:
    struct Candidate {
        std::uint32_t port_count;
        std::uint32_t interface; // equal for names of the same interface
        PortRange ports;
        RuleId rule;
    };
    void check_equals(std::span<const Candidate> candidates);
    void check_by_source(std::span<const Candidate> candidates);
    void check_pairs(std::span<const Candidate> candidates);
    void check_pair(const Candidate& a, const Candidate& b);
    [[nodiscard]] std::optional<Prefix> common_source(const Rule& a, const Rule& b);
    [[nodiscard]] std::optional<Prefix> find_common_source(const Rule& a, const Rule& b) const;
    [[nodiscard]] bool reported(RuleId a, RuleId b) const;
    [[nodiscard]] std::string name_of(const Target& target) const;

    const CompileInput& input_;
    const HoleIndex& holes_;
    std::vector<std::uint32_t> interfaces_; // by Rule::ifname
    using Sources = std::pair<std::uint32_t, std::uint32_t>; // `from` and `except_from` of a rule
    std::map<std::tuple<Family, Sources, Sources>, std::optional<Prefix>> common_sources_;
    std::vector<Candidate> candidates_;     // scratch
    std::vector<std::pair<RuleId, RuleId>> reported_;
    Diagnostics found_;
};

} // namespace swathe
