#include "classify/rules.h"

#include <algorithm>
#include <map>

namespace swathe {
namespace {

/// Gives equal values the same index.
template <class T> class Interned {
public:
    explicit Interned(std::vector<T>& values) : values_(values) {}
    std::uint32_t id_of(const T& value) {
        const auto [known, added] = ids_.try_emplace(value, static_cast<std::uint32_t>(values_.size()));
        if (added) values_.push_back(value);
        return known->second;
    }

private:
    std::vector<T>& values_;
    std::map<T, std::uint32_t> ids_;
};

class RuleCutter {
public:
    explicit RuleCutter(RuleSet& out) : out_(out), ports_(out.port_sets), sources_(out.source_sets), interfaces_(out.interfaces) {
        (void)sources_.id_of({});    // 0: any source
        (void)interfaces_.id_of({}); // 0: any interface
        out_.hole_sets.emplace_back();
    }

    void add(std::span<const Protocol> protocols, const std::vector<Endpoint>& endpoints, const std::vector<Endpoint>& except,
             const Guard& guard, const std::vector<Placed<Prefix>>& blocked, const Target& target) {
        Rule rule;
        rule.target = target;
        rule.sources = sources_of(guard.from);
        rule.strangers = sources_of(guard.except_from);
        rule.blocked = sources_of(blocked);
        rule.holes = holes_of(except);
        std::vector<std::uint32_t> interfaces;
        for (const auto& name : guard.interfaces) interfaces.push_back(interfaces_.id_of(name.value));
        if (interfaces.empty()) interfaces.push_back(0);

        for (const Protocol protocol : protocols)
            for (const Endpoint& endpoint : endpoints)
                for (const std::uint32_t ifname : interfaces) {
                    rule.protocol = protocol;
                    rule.ifname = ifname;
                    add_endpoint(rule, endpoint);
                }
    }

private:
    void add_endpoint(Rule rule, const Endpoint& endpoint) {
        rule.ports = ports_.id_of(endpoint.ports);
        for (const auto& range : endpoint.addresses) {
            prefixes_.clear();
            append_prefixes(range.value, prefixes_);
            rule.pos = range.pos;
            for (const Prefix& prefix : prefixes_) {
                rule.destination = prefix;
                out_.rules.push_back(rule);
            }
        }
    }

    std::uint32_t sources_of(const std::vector<Placed<Prefix>>& listed) {
        std::vector<Prefix> prefixes;
        prefixes.reserve(listed.size());
        for (const auto& prefix : listed) prefixes.push_back(prefix.value);
        std::sort(prefixes.begin(), prefixes.end());
        prefixes.erase(std::unique(prefixes.begin(), prefixes.end()), prefixes.end());
        return sources_.id_of(prefixes);
    }

    std::uint32_t holes_of(const std::vector<Endpoint>& except) {
        if (except.empty()) return 0;
        std::vector<Hole>& holes = out_.hole_sets.emplace_back();
        for (const Endpoint& endpoint : except)
            for (const auto& range : endpoint.addresses) {
                prefixes_.clear();
                append_prefixes(range.value, prefixes_);
                for (const Prefix& prefix : prefixes_) holes.push_back({prefix, endpoint.ports});
            }
        return static_cast<std::uint32_t>(out_.hole_sets.size() - 1);
    }

    RuleSet& out_;
    Interned<std::vector<PortRange>> ports_;
    Interned<std::vector<Prefix>> sources_;
    Interned<std::string> interfaces_;
    std::vector<Prefix> prefixes_; // scratch
};

/// How many rules there are at least: as many as there are, if all ranges are prefixes.
std::size_t least_rules(const Config& config) {
    std::size_t count = 0;
    const auto add = [&](const std::vector<Endpoint>& endpoints, const Guard& guard, std::size_t protocols) {
        for (const Endpoint& endpoint : endpoints)
            count += endpoint.addresses.size() * protocols * std::max<std::size_t>(guard.interfaces.size(), 1);
    };
    for (const GlobalRule& rule : config.rules) add(rule.endpoints, rule.guard, rule.protocols.size());
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) add(listener.endpoints, listener.guard, 1);
    return count;
}

} // namespace

RuleSet rules_of(const Config& config, std::span<const Home> homes) {
    RuleSet rules;
    rules.rules.reserve(least_rules(config));
    RuleCutter cutter(rules);
    for (const GlobalRule& rule : config.rules)
        cutter.add(rule.protocols, rule.endpoints, rule.except, rule.guard, {}, {rule.verdict, {}});
    for (std::uint32_t s = 0; s < config.services.size(); ++s)
        for (std::uint32_t l = 0; l < config.services[s].listeners.size(); ++l) {
            const Listener& listener = config.services[s].listeners[l];
            cutter.add({&listener.protocol, 1}, listener.endpoints, listener.except, listener.guard, listener.blocked,
                       {Verdict::steer, {s, l}});
        }
    rules.homes.assign(homes.begin(), homes.end());
    return rules;
}

} // namespace swathe
