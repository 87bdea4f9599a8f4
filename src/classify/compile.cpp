#include "classify/conflicts.h"
#include "classify/intervals.h"
#include "classify/port_lists.h"
#include "classify/tables.h"

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

namespace swathe {
namespace {

/// Sweeps the prefixes of one plane in ascending order, and turns each into a node.
class PlaneCompiler {
public:
    PlaneCompiler(const Plane& plane, PortListBuilder& lists, ConflictFinder& conflicts, Tables& tables)
        : plane_(plane), lists_(lists), conflicts_(conflicts), tables_(tables), sweep_(plane.rules.size() + plane.specials.size()) {}

    [[nodiscard]] std::vector<Point> run() {
        std::size_t rule = 0, special = 0;
        while (rule < plane_.rules.size() || special < plane_.specials.size()) {
            const Prefix prefix = next_prefix(rule, special);
            const auto rules = run_of(plane_.rules, rule, prefix);
            enter(prefix, rules, run_of(plane_.specials, special, prefix));
            conflicts_.check(rules);
        }
        return sweep_.finish();
    }

private:
    [[nodiscard]] Prefix next_prefix(std::size_t rule, std::size_t special) const {
        if (special == plane_.specials.size()) return plane_.rules[rule].destination;
        if (rule == plane_.rules.size()) return plane_.specials[special].destination;
        return std::min(plane_.rules[rule].destination, plane_.specials[special].destination);
    }

    /// The elements from `at` on that have this destination; moves `at` behind them.
    template <class T> [[nodiscard]] static std::span<const T> run_of(const std::vector<T>& all, std::size_t& at, const Prefix& prefix) {
        const std::size_t begin = at;
        while (at < all.size() && all[at].destination == prefix) ++at;
        return std::span(all).subspan(begin, at - begin);
    }

    void enter(const Prefix& prefix, std::span<const PlaneRule> rules, std::span<const Special> specials) {
        around_.resize(sweep_.leave_before(prefix.address.bits));
        const std::uint32_t list = lists_.list_for({prefix, rules, specials, around_});
        sweep_.enter(prefix, node_of(list, sweep_.innermost()));
        around_.push_back(rules);
    }

    /// The node with this list under this parent.
    [[nodiscard]] std::uint32_t node_of(std::uint32_t list, std::uint32_t parent) {
        const PortList& ports = lists_.list(list);
        if (ports.empty()) return parent;
        const std::uint64_t key = std::uint64_t{list} << 32 | parent;
        const auto number = static_cast<std::uint32_t>(tables_.nodes.size());
        if (!lists_.all_differ())
            if (const auto [known, added] = nodes_.try_emplace(key, number); !added) return known->second;
        tables_.nodes.push_back({ports.cell, parent, ports.first_port, ports.last_port});
        const std::uint32_t depth = (parent == 0 ? 0 : depths_[parent]) + 1;
        depths_.resize(tables_.nodes.size());
        depths_[number] = depth;
        tables_.bounds.depth = std::max(tables_.bounds.depth, depth);
        return number;
    }

    const Plane& plane_;
    PortListBuilder& lists_;
    ConflictFinder& conflicts_;
    Tables& tables_;
    PrefixSweep sweep_;
    std::vector<std::span<const PlaneRule>> around_; // the rules of the open prefixes, shortest first
    std::unordered_map<std::uint64_t, std::uint32_t> nodes_;
    std::vector<std::uint32_t> depths_; // by node
};

} // namespace

tl::expected<Tables, Diagnostics> compile(const CompileInput& input) {
    Tables tables;
    tables.nodes.assign(1, {});
    const auto index = std::make_shared<RuleIndex>(input.rules);
    const HoleIndex holes(input.rules);
    ConflictFinder conflicts(input, holes);
    ChoiceBuilder choices(input, *index, tables);
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp})
        for (const Family family : {Family::ipv4, Family::ipv6}) {
            const auto points_of = [&](const Plane& plane) { // the plane is gone before its points are packed: it may be large
                index->add(plane);
                PortListBuilder lists(input, holes, *index, choices, tables, plane);
                return PlaneCompiler(plane, lists, conflicts, tables).run();
            };
            const std::vector<Point> points = points_of(plane_of(input.rules, *index, family, protocol));
            tables.roots[DISPATCH_PLANE(family == Family::ipv6, protocol == Protocol::udp)] =
                Packer(tables).pack(points, family == Family::ipv6);
        }
    Diagnostics found = conflicts.take();
    if (const auto rule = choices.too_long())
        found.push_back({Diagnostic::Severity::error,
                         {fmt::format("more than {} rules with from or interface follow each other from this one on", kMaxLinks), 0,
                          input.rules.rules[*rule].pos}});
    if (!found.empty()) {
        sort_by_place(found);
        return tl::unexpected(std::move(found));
    }
    tables.rule_index = index;
    return tables;
}

} // namespace swathe
