#include "dispatch/rule_hits.h"

#include "dispatch_abi.h"

#include <algorithm>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace swathe {

Result<RuleHits> RuleHits::create(std::uint32_t rules) {
    RuleHits hits;
    hits.rules_ = rules;
    const std::uint32_t elements = std::max(1U, (rules + DISPATCH_HITS - 1) / DISPATCH_HITS);
    hits.map_.reset(
        bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "swathe_hits", sizeof(std::uint32_t), sizeof(dispatch_hits), elements, nullptr));
    if (!hits.map_) return system_failure("create counters for " + std::to_string(rules) + " rules");
    return hits;
}

std::vector<std::uint64_t> RuleHits::read() const {
    std::vector<std::uint64_t> sums = earlier_;
    sums.resize(rules_);
    std::vector<dispatch_hits> cpus(rules_ == 0 ? 0 : static_cast<std::size_t>(libbpf_num_possible_cpus()));
    for (std::uint32_t first = 0, element = 0; first < rules_; first += DISPATCH_HITS, ++element) {
        if (bpf_map_lookup_elem(map_.get(), &element, cpus.data()) < 0) continue; // an array: cannot fail below its size
        const std::uint32_t count = std::min<std::uint32_t>(DISPATCH_HITS, rules_ - first);
        for (const dispatch_hits& cpu : cpus)
            for (std::uint32_t i = 0; i < count; ++i) sums[first + i] += cpu.of_rule[i];
    }
    return sums;
}

std::vector<std::uint64_t> RuleHits::carried(const SameRules& same) const {
    const std::vector<std::uint64_t> counted = read();
    std::vector<std::uint64_t> by_rule_now;
    for (const auto& [before, now] : same) {
        if (before >= counted.size()) continue;
        if (now >= by_rule_now.size()) by_rule_now.resize(now + 1);
        by_rule_now[now] = counted[before];
    }
    return by_rule_now;
}

void RuleHits::add(const std::vector<std::uint64_t>& carried) {
    earlier_.resize(rules_);
    for (std::size_t rule = 0; rule < std::min<std::size_t>(carried.size(), rules_); ++rule) earlier_[rule] += carried[rule];
}

} // namespace swathe
