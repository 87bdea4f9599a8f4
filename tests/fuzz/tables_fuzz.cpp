// The table compiler against the oracle: the input's bytes draw a set of rules and then packets, as long as there are bytes. The
// tables must decide about each as the rules do, read one by one.

#include "../unit/classify/random_rules.h"
#include "check.h"

using namespace swathe;
using test::RandomRules;

namespace {

constexpr std::uint32_t kMostRules = 64;

/// Hands out the bytes of the input; zeros when there are no more.
class Bytes {
public:
    Bytes(const std::uint8_t* data, std::size_t size) : at_(data), end_(data + size) {}
    [[nodiscard]] bool left() const noexcept { return at_ != end_; }
    std::uint64_t next() noexcept { return left() ? *at_++ : 0; }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
};

std::string said(const Decision& decision) {
    return fmt::format("{} by {}, slot {}", to_string(decision.verdict), decision.rule ? fmt::format("rule {}", *decision.rule) : "none",
                       decision.slot);
}

void compare(const RandomRules& world, const Tables& tables, const Flow& flow) {
    const Decision expected = decide_by_rules(world.rules, flow, RandomRules::interface_index);
    const Decision found = decide(tables, flow);
    const auto slot_of = [&](RuleId id) { return RandomRules::slot_of(world.rules.rules[id].target.listener, flow.local.address.family); };
    const bool same_slot = expected.verdict != Verdict::steer || found.slot == slot_of(expected.rule.value()); // else it only counts
    FUZZ_CHECK(found.verdict == expected.verdict && found.blocked == expected.blocked && found.rule == expected.rule && same_slot,
               "{} {} from {} through {}: the tables say {}, the rules {}", to_string(flow.protocol), flow.local.to_string(),
               flow.remote.to_string(), flow.ifindex, said(found), said(expected));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Bytes bytes(data, size);
    const bool guards = bytes.next() % 4 != 0;
    RandomRules world([&] { return bytes.next(); }, guards, kMostRules);
    world.remove_conflicts();
    const auto tables = compile(world.input());
    FUZZ_CHECK(tables.has_value(), "there are conflicts still");
    do compare(world, *tables, world.flow());
    while (bytes.left());
    return 0;
}
