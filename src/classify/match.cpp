// The walk of bpf/dispatch.bpf.c in C++: whoever changes one changes the other; the property test compares them.

#include "classify/rule_index.h"
#include "classify/tables.h"

namespace swathe {
namespace {

/// The cell for `key` in an index, and what BPF does with 64-bit halves.
const dispatch_cell& cell_of(const Tables& tables, const dispatch_index& index, const U128& key) {
    const U128 base{index.base_hi, index.base_lo};
    if (key < base) return tables.cells[index.cells];
    const std::uint64_t lo = key.lo - base.lo;
    const std::uint64_t hi = key.hi - base.hi - (key.lo < base.lo ? 1 : 0);
    std::uint64_t at = 0;
    if (index.shift >= 64) at = hi >> (index.shift - 64);
    else if (hi >> index.shift != 0) at = index.last;
    else at = hi << 1 << (63 - index.shift) | lo >> index.shift;
    return tables.cells[index.cells + 1 + std::min<std::uint64_t>(at, index.last)];
}

U128 first_of(const dispatch_step32& step) { return {0, step.first}; }
U128 first_of(const dispatch_step128& step) { return {step.first_hi, step.first_lo}; }

template <class Step> std::uint32_t find(const Tables& tables, const std::vector<Step>& steps, dispatch_cell cell, const U128& key) {
    while (cell.count == DISPATCH_INDEXED) cell = cell_of(tables, tables.indexes[cell.at], key);
    if (cell.count == 0) return cell.at;
    std::uint32_t at = cell.at;
    for (std::uint32_t left = cell.count; left > 1;) {
        const std::uint32_t half = left / 2;
        if (first_of(steps[at + half]) <= key) {
            at += half;
            left -= half;
        } else {
            left = half;
        }
    }
    return steps[at].answer;
}

std::uint32_t find_address(const Tables& tables, const dispatch_cell& cell, const Address& address) {
    return address.family == Family::ipv6 ? find(tables, tables.steps128, cell, address.bits)
                                          : find(tables, tables.steps32, cell, address.bits);
}

/// A source of the other family is like one that no rule names.
std::uint32_t find_source(const Tables& tables, const dispatch_cell& map, const Flow& flow) {
    return flow.remote.address.family == flow.local.address.family ? find_address(tables, map, flow.remote.address) : 0;
}

/// Follows guards from `at` to the first choice whose guards hold.
std::uint32_t settle(const Tables& tables, std::uint32_t at, const Flow& flow) {
    for (;;) {
        const dispatch_choice& choice = tables.choices[at];
        if (choice.kind == DISPATCH_BY_INTERFACE) at = choice.at + find(tables, tables.steps32, choice.map, {0, flow.ifindex});
        else if (choice.kind == DISPATCH_BY_SOURCE) at = choice.at + find_source(tables, choice.map, flow);
        else return at;
    }
}

} // namespace

Decision decide(const Tables& tables, const Flow& flow) {
    const bool ipv6 = flow.local.address.family == Family::ipv6;
    const dispatch_cell& root = tables.roots[DISPATCH_PLANE(ipv6, flow.protocol == Protocol::udp)];
    for (std::uint32_t at = find_address(tables, root, flow.local.address); at != 0; at = tables.nodes[at].parent) {
        const dispatch_node& node = tables.nodes[at];
        if (flow.local.port < node.first_port || flow.local.port > node.last_port) continue;
        const std::uint32_t choice = settle(tables, find(tables, tables.steps32, node.ports, {0, flow.local.port}), flow);
        if (tables.choices[choice].kind != DISPATCH_NONE) return decision_of(tables, choice, flow);
    }
    return {};
}

Decision decision_of(const Tables& tables, std::uint32_t choice, const Flow& flow) {
    Decision decision;
    if (choice == 0) return decision;
    const dispatch_choice& made = tables.choices[choice];
    if (tables.counted == 0) decision.rule = tables.rule_index->rule_of(choice, flow);
    else if (made.map.at != DISPATCH_UNCOUNTED) decision.rule = made.map.at;
    if (made.kind == DISPATCH_DROP) decision.verdict = Verdict::drop;
    decision.blocked = made.kind == DISPATCH_BLOCKED;
    if (decision.blocked) decision.verdict = Verdict::drop;
    if (made.kind == DISPATCH_STEER) decision.verdict = Verdict::steer;
    if (made.kind == DISPATCH_STEER || decision.blocked) decision.slot = made.at;
    return decision;
}

std::size_t Tables::bytes() const noexcept {
    return indexes.size() * sizeof(dispatch_index) + cells.size() * sizeof(dispatch_cell) + steps32.size() * sizeof(dispatch_step32) +
           steps128.size() * sizeof(dispatch_step128) + nodes.size() * sizeof(dispatch_node) + choices.size() * sizeof(dispatch_choice) +
           limits.size() * sizeof(dispatch_limit);
}

} // namespace swathe
