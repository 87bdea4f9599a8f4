#pragma once

#include "dispatch/dispatcher.h"

namespace swathe {

/// Says what a choice of some tables means, when the tables themselves are gone.
class ChoiceReader {
public:
    explicit ChoiceReader(const Tables& tables) : choices_(tables.choices), rule_index_(tables.rule_index) {}
    [[nodiscard]] KernelDecision read(std::uint32_t choice, const Flow& flow) const;

private:
    std::vector<dispatch_choice> choices_;
    std::shared_ptr<const RuleIndex> rule_index_;
};

} // namespace swathe
