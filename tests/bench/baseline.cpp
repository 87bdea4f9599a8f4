#include "baseline.h"

#include "support.h"
#include "two_lpm_abi.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include "two_lpm.skel.h"

namespace swathe::bench {
namespace {

bool one_or_all(const std::vector<PortRange>& ports) {
    return std::all_of(ports.begin(), ports.end(), [](const PortRange& range) { return range.count() == 1 || range == PortRange::all(); });
}

two_lpm_key key_of(const Rule& rule, const PortRange& range) {
    two_lpm_key key{};
    const bool ipv6 = rule.destination.family() == Family::ipv6;
    key.prefixlen = TWO_LPM_BEFORE_ADDRESS + (ipv6 ? 0U : 96U) + rule.destination.length;
    key.protocol = rule.protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    key.port = range == PortRange::all() ? std::uint16_t{0} : range.first;
    if (ipv6) {
        std::uint8_t bytes[16];
        rule.destination.address.v6_bytes(bytes);
        std::memcpy(key.address, bytes, sizeof bytes);
    } else {
        key.address[2] = htonl(0xffff);
        key.address[3] = htonl(rule.destination.address.v4_bits());
    }
    return key;
}

void fill(int map_fd, const std::vector<two_lpm_key>& keys, const std::vector<two_lpm_binding>& values) {
    constexpr std::size_t kBatch = 65536; // one system call for each, which is as fast as the map can be filled
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    for (std::size_t at = 0; at < keys.size(); at += kBatch) {
        auto count = static_cast<std::uint32_t>(std::min(kBatch, keys.size() - at));
        if (bpf_map_update_batch(map_fd, &keys[at], &values[at], &count, &options) < 0)
            need(Status(system_failure("fill the baseline's trie")));
    }
}

} // namespace

void Baseline::Close::operator()(two_lpm_bpf* skeleton) const noexcept { two_lpm_bpf__destroy(skeleton); }

bool Baseline::can_express(const RuleSet& rules) {
    return std::all_of(rules.rules.begin(), rules.rules.end(), [&](const Rule& rule) {
        return rule.sources == 0 && rule.ifname == 0 && rule.holes == 0 && one_or_all(rules.port_sets[rule.ports]);
    });
}

Baseline Baseline::load(const RuleSet& rules, int sockets_fd) {
    std::vector<two_lpm_key> keys;
    for (const Rule& rule : rules.rules)
        for (const PortRange& range : rules.port_sets[rule.ports]) keys.push_back(key_of(rule, range));
    std::vector<two_lpm_binding> values;
    values.reserve(keys.size());
    for (const two_lpm_key& key : keys) values.push_back({0, key.prefixlen});

    Baseline baseline;
    baseline.skeleton_.reset(two_lpm_bpf__open());
    if (!baseline.skeleton_) need(Status(system_failure("open the baseline")));
    two_lpm_bpf& skeleton = *baseline.skeleton_;
    int error = bpf_map__set_max_entries(skeleton.maps.bindings, static_cast<std::uint32_t>(keys.size()));
    if (error == 0) error = bpf_map__reuse_fd(skeleton.maps.sockets, sockets_fd);
    if (error == 0) error = two_lpm_bpf__load(&skeleton);
    if (error < 0) die(fmt::format("load the baseline: {}", std::strerror(-error)));
    baseline.fill_ms_ = milliseconds([&] { fill(bpf_map__fd(skeleton.maps.bindings), keys, values); });
    return baseline;
}

int Baseline::program_fd() const { return bpf_program__fd(skeleton_->progs.two_lpm); }

std::size_t Baseline::kernel_bytes() const { return bench::kernel_bytes(bpf_map__fd(skeleton_->maps.bindings)); }

} // namespace swathe::bench
