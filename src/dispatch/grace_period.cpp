#include "dispatch/grace_period.h"

#include <cstdint>

#include <bpf/bpf.h>

namespace swathe {

Result<GracePeriod> GracePeriod::create() {
    GracePeriod grace;
    grace.inner_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, "swathe_grace_in", sizeof(std::uint32_t), sizeof(std::uint32_t), 1, nullptr));
    if (!grace.inner_) return system_failure("create BPF array");
    LIBBPF_OPTS(bpf_map_create_opts, options);
    options.inner_map_fd = static_cast<std::uint32_t>(grace.inner_.get());
    grace.outer_.reset(
        bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "swathe_grace", sizeof(std::uint32_t), sizeof(std::uint32_t), 1, &options));
    if (!grace.outer_) return system_failure("create BPF array of maps");
    return grace;
}

Status GracePeriod::wait() const {
    const std::uint32_t key = 0;
    const int inner = inner_.get();
    if (bpf_map_update_elem(outer_.get(), &key, &inner, BPF_ANY) < 0) return system_failure("wait for running BPF programs");
    return {};
}

} // namespace swathe
