#include "dispatch/test_run.h"

#include "classify/rule_index.h"
#include "dispatch/generation.h"

namespace swathe {

KernelDecision ChoiceReader::read(std::uint32_t choice, const Flow& flow) const {
    KernelDecision decision;
    if (choice == 0 || choice >= choices_.size()) return decision;
    decision.rule = rule_index_->rule_of(choice, flow.local.address);
    if (choices_[choice].kind == DISPATCH_DROP) decision.verdict = Verdict::drop;
    if (choices_[choice].kind == DISPATCH_STEER) {
        decision.verdict = Verdict::steer;
        decision.slot = choices_[choice].at;
    }
    return decision;
}

Result<std::vector<KernelDecision>> ask_kernel(const Tables& tables, const std::vector<Flow>& flows) {
    auto generation = Generation::load(tables, {});
    if (!generation) return Failure(std::move(generation).error());
    const ChoiceReader reader(tables);
    std::vector<KernelDecision> decisions;
    for (const Flow& flow : flows) {
        const auto choice = generation->ask(flow);
        if (!choice) return Failure(choice.error());
        decisions.push_back(reader.read(*choice, flow));
    }
    return decisions;
}

} // namespace swathe
