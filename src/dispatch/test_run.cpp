#include "dispatch/test_run.h"

#include "dispatch/generation.h"

namespace swathe {

KernelDecision kernel_decision(const Tables& tables, std::uint32_t choice, const Flow& flow) {
    const Decision decision = decision_of(tables, choice, flow);
    return {decision.verdict, decision.rule, decision.slot};
}

Result<std::vector<KernelDecision>> ask_kernel(const Tables& tables, const std::vector<Flow>& flows) {
    auto generation = Generation::load(tables, {});
    if (!generation) return Failure(std::move(generation).error());
    std::vector<KernelDecision> decisions;
    for (const Flow& flow : flows) {
        const auto choice = generation->ask(flow);
        if (!choice) return Failure(choice.error());
        decisions.push_back(kernel_decision(tables, *choice, flow));
    }
    return decisions;
}

} // namespace swathe
