#pragma once

#include "classify/tables.h"

namespace swathe::test {

/// Rules written by hand, for listeners s/0, s/1, ... whose slot is `slots[listener]`.
class HandRules {
public:
    HandRules() {
        rules.source_sets.emplace_back();
        rules.interfaces.emplace_back();
        rules.hole_sets.emplace_back();
        config.services.resize(1);
        config.services[0].name = "s";
    }
    std::uint32_t listener(std::uint32_t slot, WhenDown when_down = WhenDown::queue) {
        Listener& added = config.services[0].listeners.emplace_back();
        added.name = std::to_string(slots.size());
        added.when_down = when_down;
        slots.push_back(slot);
        return static_cast<std::uint32_t>(slots.size() - 1);
    }
    void add(const char* prefix, PortRange ports, Target target, Protocol protocol = Protocol::tcp) {
        Rule rule;
        rule.protocol = protocol;
        rule.destination = parse_prefix(prefix).value();
        rule.ports = static_cast<std::uint32_t>(rules.port_sets.size());
        rules.port_sets.push_back({ports});
        rule.target = target;
        rules.rules.push_back(rule);
    }
    void steer(const char* prefix, PortRange ports, std::uint32_t to, Protocol protocol = Protocol::tcp) {
        add(prefix, ports, {Verdict::steer, {0, to}}, protocol);
    }
    [[nodiscard]] Tables tables() const {
        return compile({rules, config, [this](ListenerRef l, Family) { return slots[l.listener]; }, [](const std::string&) { return 0U; }})
            .value();
    }

    RuleSet rules;
    Config config;
    std::vector<std::uint32_t> slots;
};

} // namespace swathe::test
