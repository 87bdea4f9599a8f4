#include "classify/same_rules.h"

#include "classify/rule_index.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace swathe {
namespace {

/// All of a rule but its prefix, in words that mean the same in both rule sets. The last: how many groups before were equal so far
/// (drop rules that differ in their holes).
using Identity = std::tuple<Protocol, Family, Verdict, std::string, std::string, unsigned, std::vector<PortRange>,
                            std::vector<Prefix>, std::string, unsigned>;

/// How many of a service's listeners before it have a listener's name: the listeners of a socket unit may share one.
std::map<ListenerRef, unsigned> number_listeners(const Config& config) {
    std::map<ListenerRef, unsigned> numbers;
    for (std::uint32_t s = 0; s < config.services.size(); ++s) {
        std::map<std::string_view, unsigned> seen;
        const auto& listeners = config.services[s].listeners;
        for (std::uint32_t l = 0; l < listeners.size(); ++l) numbers[{s, l}] = seen[listeners[l].name]++;
    }
    return numbers;
}

Identity identity_of(const CompiledRules& world, const std::map<ListenerRef, unsigned>& listeners, const Rule& rule) {
    Identity identity{rule.protocol, rule.destination.family(), rule.target.verdict, "", "", 0, world.rules.port_sets[rule.ports],
                      world.rules.source_sets[rule.sources], world.rules.interfaces[rule.ifname], 0};
    if (rule.target.verdict != Verdict::steer) return identity;
    const auto [s, l] = rule.target.listener;
    const Service& service = world.config.services[s];
    std::get<3>(identity) = service.name;
    std::get<4>(identity) = service.listeners[l].name;
    std::get<5>(identity) = listeners.at(rule.target.listener);
    return identity;
}

/// Group -> its number in `known`, which gains those that it does not know.
std::vector<std::uint32_t> number_groups(const CompiledRules& world, std::map<Identity, std::uint32_t>& known) {
    const RuleIndex& index = *world.tables.rule_index;
    const std::map<ListenerRef, unsigned> listeners = number_listeners(world.config);
    std::map<Identity, unsigned> seen;
    std::vector<std::uint32_t> numbers;
    for (std::uint32_t group = 0; group < index.groups(); ++group) {
        Identity identity = identity_of(world, listeners, world.rules.rules[index.first_of(group)]);
        std::get<9>(identity) = seen[identity]++;
        numbers.push_back(known.try_emplace(std::move(identity), static_cast<std::uint32_t>(known.size())).first->second);
    }
    return numbers;
}

/// The rules of one plane, prefix by prefix.
class Side {
public:
    Side(const CompiledRules& world, const std::vector<std::uint32_t>& numbers, std::size_t plane)
        : world_(world), numbers_(numbers), order_(world.tables.rule_index->order(plane)) {}

    [[nodiscard]] bool done() const noexcept { return at_ == order_.size(); }
    [[nodiscard]] Prefix prefix() const { return world_.rules.rules.destination(order_[at_]); }
    void skip() { ++at_; }

    /// The first rule of each group at this prefix, by the group's number; moves behind them.
    void take(std::map<std::uint32_t, RuleId>& out) {
        out.clear();
        for (const Prefix here = prefix(); !done() && prefix() == here; ++at_)
            out.try_emplace(numbers_[world_.tables.rule_index->group_of(order_[at_])], order_[at_]);
    }

private:
    const CompiledRules& world_;
    const std::vector<std::uint32_t>& numbers_;
    std::span<const RuleId> order_;
    std::size_t at_ = 0;
};

void merge(Side before, Side now, SameRules& same) {
    std::map<std::uint32_t, RuleId> old_rules, new_rules;
    while (!before.done() && !now.done()) {
        if (before.prefix() < now.prefix()) before.skip();
        else if (now.prefix() < before.prefix()) now.skip();
        else {
            before.take(old_rules);
            now.take(new_rules);
            for (const auto& [group, rule] : new_rules)
                if (const auto found = old_rules.find(group); found != old_rules.end()) same.emplace_back(found->second, rule);
        }
    }
}

} // namespace

SameRules same_rules(const CompiledRules& before, const CompiledRules& now) {
    SameRules same;
    if (before.tables.counted == 0 || now.tables.counted == 0) return same;
    std::map<Identity, std::uint32_t> known;
    const std::vector<std::uint32_t> old_numbers = number_groups(before, known), new_numbers = number_groups(now, known);
    same.reserve(std::min(before.tables.counted, now.tables.counted));
    for (std::size_t plane = 0; plane < DISPATCH_PLANES; ++plane) merge({before, old_numbers, plane}, {now, new_numbers, plane}, same);
    return same;
}

} // namespace swathe
