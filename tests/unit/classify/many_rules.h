#pragma once

#include "classify/tables.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <unordered_map>

namespace swathe::test {

/// Finds the rules whose prefix contains an address: one look per length into a hash of prefixes. The oracle for rules that are too
/// many to be read one by one; what it finds is judged by the same judge.
class ByPrefix {
public:
    explicit ByPrefix(const RuleSet& rules) {
        for (RuleId id = 0; id < rules.rules.size(); ++id) {
            const Rule& rule = rules.rules[id];
            by_prefix_[{rule.protocol, rule.destination}].push_back(id);
            lengths_[rule.destination.family()].insert(rule.destination.length);
        }
    }
    [[nodiscard]] Decision decide(const RuleSet& rules, const Flow& flow, const InterfaceIndex& interface_index) const {
        std::vector<RuleId> candidates;
        for (const unsigned length : lengths_.at(flow.local.address.family)) {
            const auto found = by_prefix_.find({flow.protocol, prefix_of(flow.local.address, length)});
            if (found != by_prefix_.end()) candidates.insert(candidates.end(), found->second.begin(), found->second.end());
        }
        std::sort(candidates.begin(), candidates.end());
        return decide_among(rules, candidates, flow, interface_index);
    }

private:
    using Key = std::pair<Protocol, Prefix>;
    struct Hash {
        std::size_t operator()(const Key& key) const {
            const U128& bits = key.second.address.bits;
            const std::uint64_t mixed = (bits.hi * 0x9e3779b97f4a7c15ULL ^ bits.lo) * 0xff51afd7ed558ccdULL;
            return mixed + key.second.length * 4 + static_cast<unsigned>(key.first);
        }
    };
    std::unordered_map<Key, std::vector<RuleId>, Hash> by_prefix_;
    std::map<Family, std::set<unsigned>> lengths_;
};

/// A hundred thousand rules, say, in clusters within which prefixes nest, meet and have holes in one another. Without conflicts;
/// deterministic for a seed.
class ManyRules {
public:
    ManyRules(std::uint64_t seed, std::uint32_t count) : random_(seed) {
        config.services.resize(kListeners);
        for (Service& service : config.services) service.listeners.resize(1);
        rules.interfaces = {"", "eth0", "eth1", "gone"};
        rules.source_sets.emplace_back();
        rules.hole_sets.emplace_back();
        for (std::uint32_t i = count / 20; i > 0; --i) clusters_.push_back(cluster());
        for (int i = 0; i < 300; ++i) rules.port_sets.push_back(ports());
        for (int i = 0; i < 60; ++i) rules.source_sets.push_back(sources(1 + below(8)));
        rules.source_sets.push_back(sources(2000));
        while (rules.rules.size() < count)
            if (Rule next = rule(); !conflicts(next)) {
                if (below(5) == 0) next.holes = holes(next.destination);
                equals_[{next.protocol, next.destination}].push_back(static_cast<RuleId>(rules.rules.size()));
                rules.rules.push_back(next);
            }
        for (int i = 0; i < 200; ++i) rules.homes.push_back({protocol(), {address(pick(clusters_)), port()}});
    }

    [[nodiscard]] CompileInput input() const { return {rules, config, slot_of, interface_index}; }
    static std::uint32_t slot_of(ListenerRef listener, Family family) { return listener.service * 2 + (family == Family::ipv6 ? 1 : 0); }
    static std::uint32_t interface_index(const std::string& name) { return name == "eth0" ? 2 : name == "eth1" ? 7 : 0; }

    /// Mostly at an edge of a rule, of a hole or of a source, or one beside it.
    [[nodiscard]] Flow flow_near(RuleId id) {
        const Rule& r = rules.rules[id];
        Flow f{r.protocol, {edge(r.destination), edge_port(rules.port_sets[r.ports])}, {}, 0};
        if (r.holes != 0 && below(2) == 0) {
            const Hole& hole = pick(rules.hole_sets[r.holes]);
            f.local.address = edge(hole.destination);
            f.local.port = edge_port(hole.ports);
        }
        if (below(8) == 0) f.local.address = address({r.destination.address, r.destination.length});
        if (below(16) == 0) f.local.port = static_cast<std::uint16_t>(random_());
        if (below(50) == 0) f.local = pick(rules.homes).address;
        f.remote = {address(Prefix{Address::any(f.local.address.family), 0}), 40000};
        const std::uint32_t about = below(2) == 0 ? r.sources : below(2) == 0 ? r.strangers : r.blocked;
        const auto& from = rules.source_sets[about != 0       ? about
                                             : r.sources != 0 ? r.sources
                                                              : below(static_cast<std::uint32_t>(rules.source_sets.size()))];
        if (!from.empty())
            if (const Prefix& p = pick(from); p.family() == f.local.address.family) f.remote.address = edge(p);
        constexpr std::uint32_t kInterfaces[] = {0, 2, 7, 9};
        f.ifindex = r.ifname != 0 && below(2) == 0 ? interface_index(rules.interfaces[r.ifname]) : kInterfaces[below(4)];
        return f;
    }

    RuleSet rules;
    Config config;

private:
    static constexpr std::uint32_t kListeners = 5000;

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    template <class T> const T& pick(const std::vector<T>& from) { return from[below(static_cast<std::uint32_t>(from.size()))]; }
    Protocol protocol() { return below(3) == 0 ? Protocol::udp : Protocol::tcp; }
    std::uint16_t port() {
        constexpr std::uint16_t kPorts[] = {1, 22, 53, 80, 443, 8000, 8080, 49152, 65535};
        return below(4) == 0 ? static_cast<std::uint16_t>(1 + below(65535)) : kPorts[below(9)];
    }
    U128 anything() { return {random_(), random_()}; }

    /// Neighbours in one block, in a sparse one, or anywhere; also the first and the last addresses there are.
    Prefix cluster() {
        const auto where = below(20);
        if (below(3) != 0) {
            const std::uint32_t far = where == 0 ? 0U : where == 1 ? ~0U : static_cast<std::uint32_t>(random_());
            return prefix_of(Address::v4(where < 12 && where > 1 ? 0x0a000000U | below(0x1000) << 12 : far), 20);
        }
        U128 bits = where == 0 ? U128{} : where == 1 ? ~U128{} : anything();
        if (where > 1 && where < 12) bits = {0x20010db800000000ULL | below(0x10000) << 16, 0};
        return prefix_of({Family::ipv6, bits}, where % 2 == 0 ? 48 : 112);
    }
    /// Often one of few, which make prefixes of the cluster nest.
    Address address(const Prefix& inside) {
        const unsigned free = width_of(inside.family()) - inside.length;
        U128 low = anything();
        if (below(4) != 0) low = free > 64 ? U128{below(8), below(2) == 0 ? below(8) : ~std::uint64_t{below(8)}} : U128{0, below(64)};
        return {inside.family(), inside.address.bits | (low & U128::low_bits(free))};
    }
    Prefix prefix() {
        const Prefix& c = pick(clusters_);
        if (below(100) == 0) return prefix_of(c.address, 8 + 8 * below(c.length / 8U));
        return prefix_of(address(c), longer_than(c));
    }
    /// Of IPv6 not all lengths: each one costs the oracle a look.
    unsigned longer_than(const Prefix& p) {
        const unsigned width = width_of(p.family());
        constexpr unsigned kLengths[] = {48, 49, 56, 63, 64, 65, 80, 96, 112, 113, 120, 125, 126, 127, 128};
        const unsigned length = p.family() == Family::ipv4 ? p.length + below(width - p.length + 1U) : kLengths[below(std::size(kLengths))];
        return below(3) == 0 || length < p.length ? width : length;
    }
    Address edge(const Prefix& p) {
        Address a = below(2) == 0 ? p.first() : p.last();
        const auto step = below(4);
        if (step == 0) a.bits = a.bits.next();
        if (step == 1) a.bits = a.bits.previous();
        a.bits = a.bits & U128::low_bits(width_of(a.family));
        return a;
    }
    std::uint16_t edge_port(const std::vector<PortRange>& set) {
        const PortRange& range = pick(set);
        return static_cast<std::uint16_t>((below(2) == 0 ? range.first : range.last) + (below(2) == 0 ? 0 : below(3) - 1));
    }
    std::vector<PortRange> ports() {
        if (below(12) == 0) return {PortRange::all()};
        std::set<std::uint16_t> edges;
        for (std::uint32_t i = 2 * (1 + below(4)); edges.size() < i;) edges.insert(port());
        std::vector<PortRange> out;
        for (auto at = edges.begin(); at != edges.end(); ++at) {
            const std::uint16_t first = *at++;
            const auto narrow = static_cast<std::uint16_t>(first + below(8));
            out.push_back({first, below(3) == 0 ? first : below(2) == 0 ? std::min(narrow, *at) : *at});
        }
        return out;
    }
    std::vector<Prefix> sources(std::uint32_t count) {
        std::vector<Prefix> out;
        while (out.size() < count) {
            const Family family = below(2) == 0 ? Family::ipv4 : Family::ipv6;
            Address base = Address::v4(0xc6336400U | below(0x4000));
            if (family == Family::ipv6) base = {family, {0x20010db8ffff0000ULL, below(0x4000)}};
            out.push_back(prefix_of(base, below(40) == 0 ? below(8) : width_of(family) - below(12)));
        }
        return out;
    }
    std::uint32_t holes(const Prefix& around) {
        std::vector<Hole> out;
        for (std::uint32_t i = 1 + below(4); i > 0; --i)
            out.push_back({prefix_of(address(around), longer_than(around)), pick(rules.port_sets)});
        rules.hole_sets.push_back(out);
        return static_cast<std::uint32_t>(rules.hole_sets.size() - 1);
    }
    Rule rule() {
        Rule r;
        r.protocol = protocol();
        r.destination = prefix();
        r.ports = below(static_cast<std::uint32_t>(rules.port_sets.size()));
        if (below(4) == 0) r.sources = 1 + below(static_cast<std::uint32_t>(rules.source_sets.size() - 1));
        if (below(6) == 0) r.ifname = 1 + below(3);
        const auto kind = below(12);
        r.target.verdict = kind == 0 ? Verdict::drop : kind == 1 ? Verdict::pass : Verdict::steer;
        if (kind > 1) r.target.listener = {below(kListeners), 0};
        if (below(10) == 0) r.strangers = 1 + below(static_cast<std::uint32_t>(rules.source_sets.size() - 1));
        if (kind > 1 && below(10) == 0) r.blocked = 1 + below(static_cast<std::uint32_t>(rules.source_sets.size() - 1));
        r.pos.line = static_cast<std::uint32_t>(rules.rules.size() + 1);
        return r;
    }

    /// May the rule meet one of equal precision and another target? Blind to holes: it refuses too much rather than too little.
    bool conflicts(const Rule& rule) {
        for (const RuleId id : equals_[{rule.protocol, rule.destination}]) {
            const Rule& other = rules.rules[id];
            if (other.target == rule.target || other.ifname != rule.ifname || !equal_ports(other, rule)) continue;
            if (equal_sources(other.sources, rule.sources, rule.destination.family())) return true;
        }
        return false;
    }
    [[nodiscard]] bool equal_ports(const Rule& a, const Rule& b) const {
        for (const PortRange& x : rules.port_sets[a.ports])
            for (const PortRange& y : rules.port_sets[b.ports])
                if (x.count() == y.count() && x.overlaps(y)) return true;
        return false;
    }
    bool equal_sources(std::uint32_t a, std::uint32_t b, Family family) {
        const auto [known, added] = equal_sources_.try_emplace({std::min(a, b), std::max(a, b), family});
        if (!added) return known->second;
        const auto sorted = [&](std::uint32_t set) {
            const Prefix everything{Address::any(family), 0};
            std::vector<Prefix> out = set == 0 ? std::vector<Prefix>{everything} : rules.source_sets[set];
            std::sort(out.begin(), out.end());
            return out;
        };
        std::vector<Prefix> both;
        std::ranges::set_intersection(sorted(a), sorted(b), std::back_inserter(both));
        return known->second = std::ranges::any_of(both, [&](const Prefix& p) { return p.family() == family; });
    }

    std::mt19937_64 random_;
    std::vector<Prefix> clusters_;
    std::map<std::pair<Protocol, Prefix>, std::vector<RuleId>> equals_; ///< rules of one prefix
    std::map<std::tuple<std::uint32_t, std::uint32_t, Family>, bool> equal_sources_;
};

} // namespace swathe::test
