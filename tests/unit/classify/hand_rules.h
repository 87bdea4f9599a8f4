#pragma once

#include "classify/tables.h"

#include <string>

namespace swathe::test {

/// What a rule of a test says, in the administrator's words.
struct Said {
    const char* to; ///< "drop", "pass", or the name of a listener
    const char* prefix;
    std::vector<PortRange> ports;
    std::vector<const char*> from{};
    const char* interface = "";
    std::vector<std::pair<const char*, std::vector<PortRange>>> except{};
    Protocol protocol = Protocol::tcp;
    std::vector<const char*> except_from{};
    std::vector<const char*> blocked{};
};

/// Rules written by hand, each in a listener (or global rule) of its own unless the name repeats. Rule ids follow the order.
class HandRules {
public:
    HandRules() {
        rules.source_sets.emplace_back();
        rules.interfaces.emplace_back();
        rules.hole_sets.emplace_back();
    }
    HandRules(std::initializer_list<Said> all) : HandRules() {
        for (const Said& said : all) add(said);
    }
    void add(const Said& said) {
        Rule rule;
        rule.protocol = said.protocol;
        rule.destination = parse_prefix(said.prefix).value();
        rule.ports = put(rules.port_sets, said.ports);
        rule.sources = sources_of(said.from);
        rule.strangers = sources_of(said.except_from);
        rule.blocked = sources_of(said.blocked);
        if (*said.interface != '\0') rule.ifname = put(rules.interfaces, std::string(said.interface));
        if (!said.except.empty()) {
            std::vector<Hole> holes;
            for (const auto& [prefix, ports] : said.except) holes.push_back({parse_prefix(prefix).value(), ports});
            rule.holes = put(rules.hole_sets, holes);
        }
        rule.target = target(said.to);
        rule.pos = {SourceFile("rules.toml"), static_cast<std::uint32_t>(rules.rules.size() + 1), 3};
        names.emplace_back(said.to);
        rules.rules.push_back(rule);
    }
    /// Changes the rule that was added last.
    template <class Change> void amend(Change change) {
        Rule rule = rules.rules.back();
        change(rule);
        rules.rules.pop_back();
        rules.rules.push_back(rule);
    }
    void home(const char* address, Protocol protocol = Protocol::tcp) {
        rules.homes.push_back({protocol, parse_socket_address(address).value()});
    }

    [[nodiscard]] CompileInput input() const {
        return {rules, config, [](ListenerRef l, Family) { return l.service; }, interface_index};
    }
    static std::uint32_t interface_index(const std::string& name) { return name == "eth0" || name == "wan" ? 2 : name == "eth1" ? 3 : 0; }

    [[nodiscard]] static Flow flow(const char* address, int port, const char* from = nullptr, std::uint32_t ifindex = 0,
                                   Protocol protocol = Protocol::tcp) {
        Flow f;
        f.protocol = protocol;
        f.local = {parse_address(address).value(), static_cast<std::uint16_t>(port)};
        f.remote.address = from != nullptr ? parse_address(from).value() : Address::any(f.local.address.family);
        f.ifindex = ifindex;
        return f;
    }

    /// Who gets the packet: the rule's name, "home" for the implicit rule, "" for no rule. Asks the tables; "?" if the oracle does
    /// not agree.
    [[nodiscard]] std::string winner(const Flow& f) const {
        const Tables tables = compile(input()).value();
        const Decision found = decide(tables, f);
        const Decision expected = decide_by_rules(rules, f, interface_index);
        if (found.verdict != expected.verdict || found.rule != expected.rule) return "?";
        if (found.blocked != expected.blocked) return "?";
        if (found.blocked) return "blocked by " + names[*found.rule];
        if (found.rule) return names[*found.rule];
        return found.verdict == Verdict::drop ? "home" : "";
    }

    RuleSet rules;
    Config config;
    std::vector<std::string> names; ///< by rule

private:
    template <class T> static std::uint32_t put(std::vector<T>& values, const T& value) {
        for (std::uint32_t i = 0; i < values.size(); ++i)
            if (values[i] == value) return i;
        values.push_back(value);
        return static_cast<std::uint32_t>(values.size() - 1);
    }
    static std::uint32_t put(std::vector<std::vector<Hole>>& values, const std::vector<Hole>& value) {
        values.push_back(value);
        return static_cast<std::uint32_t>(values.size() - 1);
    }
    std::uint32_t sources_of(const std::vector<const char*>& listed) {
        std::vector<Prefix> sources;
        for (const char* prefix : listed) sources.push_back(parse_prefix(prefix).value());
        return sources.empty() ? 0 : put(rules.source_sets, sources);
    }
    Target target(const std::string& name) {
        if (name == "drop") return {Verdict::drop, {}};
        if (name == "pass") return {Verdict::pass, {}};
        for (std::uint32_t s = 0; s < config.services.size(); ++s)
            if (config.services[s].name == name) return {Verdict::steer, {s, 0}};
        Service& service = config.services.emplace_back();
        service.name = name;
        service.listeners.emplace_back().name = "l";
        return {Verdict::steer, {static_cast<std::uint32_t>(config.services.size() - 1), 0}};
    }
};

} // namespace swathe::test
