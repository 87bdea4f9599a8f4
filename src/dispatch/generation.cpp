#include "dispatch/generation.h"

#include "dispatch/libbpf_log.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dispatch.skel.h"

namespace swathe {
namespace {

std::uint32_t entries_for(std::size_t records) { return static_cast<std::uint32_t>(records == 0 ? 1 : records); }

/// The maps that belong to one generation, with what goes into them.
template <class Skeleton, class Visit> void for_each_table(Skeleton& skeleton, const Tables& tables, Visit visit) {
    visit(skeleton.maps.indexes, tables.indexes);
    visit(skeleton.maps.cells, tables.cells);
    visit(skeleton.maps.steps32, tables.steps32);
    visit(skeleton.maps.steps128, tables.steps128);
    visit(skeleton.maps.nodes, tables.nodes);
    visit(skeleton.maps.choices, tables.choices);
    visit(skeleton.maps.limits, tables.limits);
}

/// Copies all records at once: the map's memory is mapped, so that a million records are no million system calls.
template <class Record> Status fill(const bpf_map* map, const std::vector<Record>& records) {
    static_assert(sizeof(Record) % 8 == 0, "array elements are aligned to 8 bytes");
    if (records.empty()) return {};
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = records.size() * sizeof(Record);
    const std::size_t mapped = (bytes + page - 1) / page * page;
    void* memory = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
    if (memory == MAP_FAILED) return system_failure(std::string("map table ") + bpf_map__name(map));
    std::memcpy(memory, records.data(), bytes);
    (void)munmap(memory, mapped);
    return {};
}

/// Would the verifier have to follow too many turns of nested loops, if the search for a port were part of the loop over the
/// parents? Then it is called as a function, which is verified once and costs some nanoseconds more. The estimate is of
/// instructions that Linux 6.18 follows: they grow with the square of the depth.
bool is_deep(const WalkBounds& bounds) {
    constexpr std::uint64_t kPerTurn = 80, kPerStep = 40, kPerLevel = 150, kAffordable = 40'000; // the limit is 10^6
    return std::uint64_t{bounds.depth} * bounds.depth * (kPerTurn + bounds.steps * kPerStep + bounds.levels * kPerLevel) > kAffordable;
}

/// 0, or a negative errno.
int use_limits(const dispatch_bpf& skeleton, const LimitMaps& limits) {
    int error = bpf_map__reuse_fd(skeleton.maps.limiters, limits.limiters_fd());
    if (error == 0) error = bpf_map__reuse_fd(skeleton.maps.sources, limits.sources_fd());
    if (error == 0) error = bpf_map__reuse_fd(skeleton.maps.blocks, limits.blocks_fd());
    return error;
}

/// Makes no maps that nothing reads.
int without_limits(const dispatch_bpf& skeleton) {
    for (bpf_map* map : {skeleton.maps.limiters, skeleton.maps.sources, skeleton.maps.blocks})
        if (const int error = bpf_map__set_autocreate(map, false); error != 0) return error;
    return 0;
}

bpf_sk_lookup context_of(const Flow& flow) {
    bpf_sk_lookup context{};
    context.protocol = flow.protocol == Protocol::tcp ? IPPROTO_TCP : IPPROTO_UDP;
    context.local_port = flow.local.port;
    context.remote_port = htons(flow.remote.port);
    if (flow.local.address.family == Family::ipv4) {
        context.family = AF_INET;
        context.local_ip4 = htonl(flow.local.address.v4_bits());
        context.remote_ip4 = htonl(flow.remote.address.v4_bits());
        return context;
    }
    context.family = AF_INET6;
    std::uint8_t bytes[16];
    flow.local.address.v6_bytes(bytes);
    std::memcpy(context.local_ip6, bytes, sizeof bytes);
    flow.remote.address.v6_bytes(bytes);
    std::memcpy(context.remote_ip6, bytes, sizeof bytes);
    return context;
}

} // namespace

void Generation::Close::operator()(dispatch_bpf* skeleton) const noexcept { dispatch_bpf__destroy(skeleton); }

Result<Generation> Generation::load(const Tables& tables, const Shared& shared) {
    const LibbpfLog log;
    Generation generation;
    generation.program_ = open(false);
    generation.slots_ = tables.slots;
    if (!generation.program_) return log.failure("open the BPF program", errno);
    dispatch_bpf& skeleton = *generation.program_;

    int error = 0;
    for_each_table(skeleton, tables, [&](bpf_map* map, const auto& records) {
        if (error == 0) error = bpf_map__set_max_entries(map, entries_for(records.size()));
    });
    if (error == 0 && shared.sockets_fd >= 0) error = bpf_map__reuse_fd(skeleton.maps.sockets, shared.sockets_fd);
    if (error == 0 && shared.counters_fd >= 0) error = bpf_map__reuse_fd(skeleton.maps.counters, shared.counters_fd);
    if (error == 0 && shared.hits_fd >= 0) error = bpf_map__reuse_fd(skeleton.maps.hits, shared.hits_fd);
    const bool limiting = shared.limits != nullptr && !tables.limits.empty();
    if (error == 0) error = limiting ? use_limits(skeleton, *shared.limits) : without_limits(skeleton);
    if (error < 0) return log.failure("prepare the tables", -error);

    auto& constants = *skeleton.rodata;
    std::copy(tables.roots.begin(), tables.roots.end(), constants.roots);
    constants.max_levels = tables.bounds.levels;
    constants.max_steps = tables.bounds.steps;
    constants.max_depth = tables.bounds.depth;
    constants.max_links = tables.bounds.links;
    constants.guarded = tables.guarded;
    constants.counting = shared.hits_fd >= 0;
    constants.limiting = !limiting ? DISPATCH_NO_LIMITS : shared.limit_questions ? DISPATCH_LIMIT_ALL : DISPATCH_LIMIT_PACKETS;
    constants.deep = is_deep(tables.bounds);
    error = dispatch_bpf__load(&skeleton);
    if (error < 0) return log.failure("load the BPF program", -error);

    Status filled;
    for_each_table(skeleton, tables, [&](bpf_map* map, const auto& records) {
        if (filled) filled = fill(map, records);
    });
    if (!filled) return Failure(std::move(filled).error());
    return generation;
}

int Generation::program_fd() const {
    return twin_ ? bpf_program__fd(twin_->progs.swathe_traced) : bpf_program__fd(program_->progs.swathe_dispatch);
}

/// One of the two programs, and no maps but those it uses.
Generation::Skeleton Generation::open(bool traced) {
    Skeleton skeleton(dispatch_bpf__open());
    if (!skeleton) return skeleton;
    (void)bpf_program__set_autoload(skeleton->progs.swathe_dispatch, !traced);
    (void)bpf_program__set_autoload(skeleton->progs.swathe_traced, traced);
    for (bpf_map* map : {skeleton->maps.shares, skeleton->maps.lost, skeleton->maps.events}) (void)bpf_map__set_autocreate(map, traced);
    return skeleton;
}

/// Makes `other`, which is not loaded yet, a program over the maps and with the constants of this generation. 0, or a negative errno.
int Generation::share_maps(dispatch_bpf& other) const {
    std::memcpy(other.rodata, program_->rodata, sizeof *other.rodata);
    const std::pair<bpf_map*, const bpf_map*> shared[] = {
        {other.maps.indexes, program_->maps.indexes},   {other.maps.cells, program_->maps.cells},
        {other.maps.steps32, program_->maps.steps32},   {other.maps.steps128, program_->maps.steps128},
        {other.maps.nodes, program_->maps.nodes},       {other.maps.choices, program_->maps.choices},
        {other.maps.sockets, program_->maps.sockets},   {other.maps.counters, program_->maps.counters},
        {other.maps.hits, program_->maps.hits},         {other.maps.limits, program_->maps.limits},
        {other.maps.limiters, program_->maps.limiters}, {other.maps.sources, program_->maps.sources},
        {other.maps.blocks, program_->maps.blocks},
    };
    if (!program_->rodata->limiting)
        if (const int error = without_limits(other); error != 0) return error;
    for (const auto& [own, ours] : shared)
        if (bpf_map__autocreate(own))
            if (const int error = bpf_map__reuse_fd(own, bpf_map__fd(ours)); error != 0) return error;
    return 0;
}

Status Generation::load_explainer() {
    const LibbpfLog log;
    Skeleton explainer = open(false);
    if (!explainer) return log.failure("open the BPF program", errno);
    int error = share_maps(*explainer);
    explainer->rodata->explain = 1;
    if (error == 0) error = dispatch_bpf__load(explainer.get());
    if (error < 0) return log.failure("load the BPF program for asking", -error);
    explainer_ = std::move(explainer);
    return {};
}

Status Generation::load_twin(const Report& report, const std::vector<dispatch_share>& shares) {
    const LibbpfLog log;
    Skeleton twin = open(true);
    if (!twin) return log.failure("open the BPF program", errno);
    int error = share_maps(*twin);
    twin->rodata->generation = report.generation;
    if (error == 0) error = bpf_map__set_max_entries(twin->maps.shares, entries_for(shares.size()));
    if (error == 0) error = bpf_map__reuse_fd(twin->maps.events, report.events_fd);
    if (error == 0) error = bpf_map__reuse_fd(twin->maps.lost, report.lost_fd);
    if (error == 0) error = dispatch_bpf__load(twin.get());
    if (error < 0) return log.failure("load the traced BPF program", -error);
    if (auto filled = fill(twin->maps.shares, shares); !filled) return filled;
    twin_ = std::move(twin);
    return {};
}

Status Generation::set_shares(const std::vector<dispatch_share>& shares) {
    if (!twin_ || shares.size() != bpf_map__max_entries(twin_->maps.shares)) return failure("trace", EINVAL);
    return fill(twin_->maps.shares, shares);
}

Result<std::uint32_t> Generation::ask(const Flow& flow) {
    if (!explainer_)
        if (auto loaded = load_explainer(); !loaded) return Failure(std::move(loaded).error());
    if (flow.remote.address.family != flow.local.address.family) return failure("source address of another family than the destination");
    explainer_->bss->question.ifindex = flow.ifindex;
    explainer_->bss->question.choice = 0;

    bpf_sk_lookup context = context_of(flow);
    LIBBPF_OPTS(bpf_test_run_opts, options);
    options.ctx_in = &context;
    options.ctx_size_in = sizeof context;
    options.repeat = 1;
    const int error = bpf_prog_test_run_opts(bpf_program__fd(explainer_->progs.swathe_dispatch), &options);
    if (error < 0) return failure("ask the BPF program", -error);
    return explainer_->bss->question.choice;
}

} // namespace swathe
