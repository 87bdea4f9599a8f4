#include "dispatch/counter_map.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace swathe {
namespace {

constexpr std::uint32_t kLeastSlots = 64;

} // namespace

Result<CounterMap> CounterMap::create(std::uint32_t slots) {
    CounterMap counters;
    counters.capacity_ = std::bit_ceil(std::max(slots, kLeastSlots));
    counters.map_.reset(bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "swathe_counters", sizeof(std::uint32_t), sizeof(dispatch_counters),
                                       counters.capacity_, nullptr));
    if (!counters.map_) return system_failure("create counters for " + std::to_string(counters.capacity_) + " slots");
    return counters;
}

SlotCounters CounterMap::read(std::uint32_t slot) const { return sum_of(slot).counters; }

void CounterMap::reset(std::uint32_t slot) {
    if (slot < earlier_.size()) earlier_[slot] = {};
    if (slot >= capacity_) return;
    const std::vector<dispatch_counters> zeros(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    (void)bpf_map_update_elem(map_.get(), &slot, zeros.data(), BPF_ANY); // an array: cannot fail below its capacity
}

void CounterMap::continue_from(CounterMap& older) {
    earlier_.clear();
    const auto slots = static_cast<std::uint32_t>(std::max<std::size_t>(older.capacity_, older.earlier_.size()));
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
        earlier_.push_back(older.sum_of(slot));
        if (earlier_.back().counters.lookups > 0) older.reset(slot);
    }
}

CounterMap::Sum CounterMap::sum_of(std::uint32_t slot) const {
    Sum sum;
    if (slot < earlier_.size()) sum = earlier_[slot];
    if (slot >= capacity_) return sum;
    std::vector<dispatch_counters> cpus(static_cast<std::size_t>(libbpf_num_possible_cpus()));
    if (bpf_map_lookup_elem(map_.get(), &slot, cpus.data()) < 0) return sum;
    for (const dispatch_counters& cpu : cpus) {
        sum.counters.steered += cpu.steered;
        sum.counters.no_socket += cpu.no_socket;
        sum.counters.assign_errors += cpu.assign_errors;
        for (std::size_t why = 0; why < DISPATCH_REFUSALS; ++why) sum.counters.refused[why] += cpu.refused[why];
        sum.counters.unasked += cpu.unasked;
        sum.counters.new_sources += cpu.new_sources;
        if (cpu.failed_at <= sum.failed_at) continue;
        sum.failed_at = cpu.failed_at;
        sum.counters.last_errno = static_cast<int>(cpu.error);
    }
    SlotCounters& all = sum.counters;
    all.lookups = std::accumulate(all.refused.begin(), all.refused.end(), all.steered + all.no_socket + all.assign_errors);
    return sum;
}

} // namespace swathe
