#include "dispatch/limit_maps.h"

#include <atomic>
#include <utility>

#include <bpf/bpf.h>
#include <sys/mman.h>

namespace swathe {
namespace {

constexpr std::size_t kStatesBytes = DISPATCH_SLOTS * sizeof(dispatch_limiter);

Result<UniqueFd> make_map(bpf_map_type type, const char* name, std::uint32_t key, std::uint32_t value, std::uint32_t entries,
                          std::uint32_t flags) {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    UniqueFd map(bpf_map_create(type, name, key, value, entries, &options));
    if (!map) return system_failure(std::string("create map ") + name);
    return map;
}

} // namespace

Result<LimitMaps> LimitMaps::create(std::uint32_t sources, SourceMap kind) {
    LimitMaps maps;
    const bpf_map_type source_map = kind == SourceMap::forgets ? BPF_MAP_TYPE_LRU_HASH : BPF_MAP_TYPE_HASH;
    auto limiters =
        make_map(BPF_MAP_TYPE_ARRAY, "swathe_limiters", sizeof(std::uint32_t), sizeof(dispatch_limiter), DISPATCH_SLOTS, BPF_F_MMAPABLE);
    if (!limiters) return Failure(std::move(limiters).error());
    maps.limiters_ = std::move(*limiters);
    auto buckets = make_map(source_map, "swathe_sources", sizeof(dispatch_source), sizeof(std::uint64_t), sources, 0);
    if (!buckets) return Failure(std::move(buckets).error());
    maps.sources_ = std::move(*buckets);
    auto blocks =
        make_map(BPF_MAP_TYPE_HASH, "swathe_blocks", sizeof(dispatch_source), sizeof(std::uint32_t), DISPATCH_BLOCKS, BPF_F_NO_PREALLOC);
    if (!blocks) return Failure(std::move(blocks).error());
    maps.blocks_ = std::move(*blocks);
    void* memory = ::mmap(nullptr, kStatesBytes, PROT_READ | PROT_WRITE, MAP_SHARED, maps.limiters_.get(), 0);
    if (memory == MAP_FAILED) return system_failure("map the limits of listeners");
    maps.states_ = static_cast<dispatch_limiter*>(memory);
    return maps;
}

LimitMaps::LimitMaps(LimitMaps&& other) noexcept { *this = std::move(other); }

LimitMaps& LimitMaps::operator=(LimitMaps&& other) noexcept {
    std::swap(limiters_, other.limiters_);
    std::swap(sources_, other.sources_);
    std::swap(blocks_, other.blocks_);
    std::swap(states_, other.states_);
    std::swap(blocked_, other.blocked_);
    return *this;
}

LimitMaps::~LimitMaps() {
    if (states_ != nullptr) (void)::munmap(states_, kStatesBytes);
}

/// Buckets of the sources of the listener before are left to be forgotten: their keys name another incarnation.
void LimitMaps::renew(std::uint32_t number) noexcept {
    for (auto at = blocked_.lower_bound({number, 0, 0}); at != blocked_.end() && std::get<0>(*at) == number; at = blocked_.erase(at)) {
        const dispatch_source key{number, states_[number].incarnation, std::get<1>(*at), std::get<2>(*at)};
        (void)bpf_map_delete_elem(blocks_.get(), &key);
    }
    states_[number] = {0, 0, states_[number].incarnation + 1};
}

void LimitMaps::set_gate(std::uint32_t number, bool closed) noexcept {
    std::atomic_ref(states_[number].closed).store(closed ? 1 : 0, std::memory_order_relaxed);
}

Status LimitMaps::block(std::uint32_t number, const Prefix& source, bool on) {
    const dispatch_source key = key_of(number, source);
    if (on) {
        const std::uint32_t value = 1;
        if (bpf_map_update_elem(blocks_.get(), &key, &value, BPF_ANY) < 0) return system_failure("block " + source.to_string());
        blocked_.insert({number, key.hi, key.lo});
        return {};
    }
    (void)bpf_map_delete_elem(blocks_.get(), &key); // ENOENT: it is not blocked
    blocked_.erase({number, key.hi, key.lo});
    return {};
}

dispatch_source LimitMaps::key_of(std::uint32_t number, const Prefix& source) const noexcept {
    dispatch_source key{number, states_[number].incarnation, source.address.bits.hi, source.address.bits.lo};
    if (source.family() == Family::ipv4) key.lo |= DISPATCH_MAPPED;
    return key;
}

} // namespace swathe
