#pragma once

#include "classify/tables.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>

namespace swathe::test {

/// A small world of rules that collide often: few addresses, ports, sources and interfaces. Deterministic for a seed.
class RandomRules {
public:
    using Random = std::function<std::uint64_t()>;

    explicit RandomRules(std::uint64_t seed, bool guards = true, std::uint32_t most_rules = 14)
        : RandomRules(std::mt19937_64(seed), guards, most_rules) {}

    /// Draws from `random`, of which the lowest byte counts as long as `most_rules` is no more than 256.
    RandomRules(Random random, bool guards, std::uint32_t most_rules) : random_(std::move(random)), guards_(guards) {
        config.services.resize(kServices);
        for (std::uint32_t s = 0; s < kServices; ++s) {
            config.services[s].name = "s" + std::to_string(s);
            config.services[s].listeners.resize(1);
            config.services[s].listeners[0].name = "l";
            if (s == 1) config.services[s].listeners[0].connection_rate.count = 5;
        }
        rules.source_sets.emplace_back();
        rules.interfaces = {"", "eth0", "eth1", "gone"};
        rules.hole_sets.emplace_back();
        for (int i = 0; i < 4; ++i) rules.port_sets.push_back(ports());
        if (guards_)
            for (int i = 0; i < 3; ++i) rules.source_sets.push_back(sources());
        for (int i = 0; i < 2; ++i) rules.hole_sets.push_back(holes());
        const auto count = below(most_rules);
        for (std::uint32_t i = 0; i < count; ++i) rules.rules.push_back(rule());
        for (std::uint32_t i = below(3); i > 0; --i)
            rules.homes.push_back({protocol(), {below(12) == 0 ? Address::any(family()) : address(), port()}});
    }

    /// Takes rules away until none conflict; what is left is random still.
    void remove_conflicts() {
        for (auto tables = compile(input()); !tables; tables = compile(input()))
            for (const Diagnostic& d : tables.error()) {
                const RuleList all = std::exchange(rules.rules, {});
                for (const Rule& rule : all)
                    if (rule.pos != d.error.pos) rules.rules.push_back(rule);
            }
    }

    [[nodiscard]] CompileInput input() const { return {rules, config, slot_of, interface_index}; }
    static std::uint32_t slot_of(ListenerRef listener, Family family) { return listener.service * 2 + (family == Family::ipv6 ? 1 : 0); }
    static std::uint32_t interface_index(const std::string& name) { return name == "eth0" ? 2 : name == "eth1" ? 7 : 0; }

    /// Often at an edge of a rule or one beside it.
    [[nodiscard]] Flow flow() {
        Flow f;
        f.protocol = protocol();
        f.local = {address(), port()};
        if (!rules.rules.empty() && below(4) != 0) {
            const Rule& r = rules.rules[below(static_cast<std::uint32_t>(rules.rules.size()))];
            f.protocol = r.protocol;
            f.local.address = beside(below(2) == 0 ? r.destination.first() : r.destination.last());
            const auto& set = rules.port_sets[r.ports];
            const PortRange& range = set[below(static_cast<std::uint32_t>(set.size()))];
            f.local.port = static_cast<std::uint16_t>((below(2) == 0 ? range.first : range.last) + below(3) - 1);
        }
        if (!rules.homes.empty() && below(6) == 0) {
            const Home& home = rules.homes[below(static_cast<std::uint32_t>(rules.homes.size()))];
            f.protocol = home.protocol;
            f.local = home.address;
        }
        f.remote = {beside(address(f.local.address.family)), 12345};
        constexpr std::uint32_t kInterfaces[] = {0, 2, 7, 9};
        f.ifindex = kInterfaces[below(4)];
        return f;
    }

    RuleSet rules;
    Config config;

private:
    static constexpr std::uint32_t kServices = 4;

    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
    Family family() { return below(3) == 0 ? Family::ipv6 : Family::ipv4; }
    Protocol protocol() { return below(3) == 0 ? Protocol::udp : Protocol::tcp; }
    std::uint16_t port() {
        constexpr std::uint16_t kPorts[] = {1, 79, 80, 81, 443, 8000, 8001, 65534, 65535};
        return kPorts[below(9)];
    }
    Address address() { return address(family()); }
    Address address(Family f) {
        const U128 low{0, below(2) == 0 ? below(8) : 0xf8 + below(8)};
        if (f == Family::ipv4) return {f, {0, (below(8) == 0 ? (below(2) == 0 ? 0 : 0xffffff00U) : 0xc0000200U) | low.lo}};
        const std::uint64_t hi = below(8) == 0 ? ~0ULL : 0x20010db800000000ULL | below(3);
        return {f, {hi, below(3) == 0 ? low.lo << 56 : low.lo}};
    }
    Address beside(Address a) {
        const auto step = below(4);
        if (step == 0) a.bits = a.bits.next();
        if (step == 1) a.bits = a.bits.previous();
        a.bits = a.bits & U128::low_bits(width_of(a.family));
        return a;
    }
    Prefix prefix(Family f) {
        constexpr unsigned kLengths[] = {0, 8, 23, 24, 28, 29, 30, 31, 32};
        constexpr unsigned kLengths6[] = {0, 32, 63, 64, 65, 120, 125, 127, 128};
        return prefix_of(address(f), f == Family::ipv4 ? kLengths[below(9)] : kLengths6[below(9)]);
    }
    std::vector<PortRange> ports() {
        if (below(5) == 0) return {PortRange::all()};
        std::vector<PortRange> out;
        std::uint32_t next = 1;
        for (std::uint32_t i = 1 + below(3); i > 0; --i) {
            const std::uint32_t first = std::max<std::uint32_t>(next, port());
            const std::uint32_t last = std::min<std::uint32_t>(65535, below(2) == 0 ? first : first + below(3));
            if (first > 65535) break;
            out.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)});
            next = last + 2;
            if (next > 65535) break;
        }
        return out;
    }
    std::vector<Prefix> sources() {
        std::vector<Prefix> out;
        for (std::uint32_t i = 1 + below(4); i > 0; --i) out.push_back(prefix(family()));
        return out;
    }
    std::vector<Hole> holes() {
        std::vector<Hole> out;
        for (std::uint32_t i = 1 + below(3); i > 0; --i) out.push_back({prefix(family()), ports()});
        return out;
    }
    Rule rule() {
        Rule r;
        r.protocol = protocol();
        r.destination = prefix(family());
        r.ports = below(static_cast<std::uint32_t>(rules.port_sets.size()));
        if (guards_ && below(3) == 0) r.sources = below(static_cast<std::uint32_t>(rules.source_sets.size()));
        if (guards_ && below(4) == 0) r.ifname = 1 + below(3);
        if (guards_ && below(4) == 0) r.strangers = below(static_cast<std::uint32_t>(rules.source_sets.size()));
        if (below(3) == 0) r.holes = below(3);
        const auto kind = below(8);
        r.target.verdict = kind == 0 ? Verdict::drop : kind == 1 ? Verdict::pass : Verdict::steer;
        if (kind > 1) r.target.listener = {below(kServices), 0};
        if (guards_ && kind > 1 && below(5) == 0) r.blocked = below(static_cast<std::uint32_t>(rules.source_sets.size()));
        r.pos.line = static_cast<std::uint32_t>(rules.rules.size() + 1);
        return r;
    }
    Random random_;
    bool guards_;
};

/// The first of the seeds of a run: $SWATHE_SEED, else always the same.
inline std::uint64_t first_seed() {
    const char* text = std::getenv("SWATHE_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

} // namespace swathe::test
