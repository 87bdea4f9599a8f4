// What finding the socket costs while the caches are hot, by BPF_PROG_TEST_RUN: all packets of a batch are the same, so this shows
// the length of the walk, not that of memory. Beside it, in the same run: the floor and the baseline. Needs root.

#include "baseline.h"
#include "bottom.h"
#include "dispatch/generation.h"
#include "rule_shapes.h"
#include "support.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

struct Repeat {
    int runs;    ///< of one batch
    int batches; ///< the median counts
};

double batch(int program_fd, bpf_sk_lookup context, const Repeat& repeat) {
    LIBBPF_OPTS(bpf_test_run_opts, test);
    test.ctx_in = &context;
    test.ctx_size_in = sizeof context;
    test.repeat = repeat.runs;
    if (const int error = bpf_prog_test_run_opts(program_fd, &test); error < 0)
        die(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(-error)));
    return test.duration;
}

/// What a program costs, and its ratio to the floor, batch by batch: machines change their pace.
struct Cost {
    double ns = 0, ratio = 0;
};

/// The programs take turns, each round begins with the floor.
std::vector<Cost> costs(int floor_fd, const std::vector<int>& programs, const bpf_sk_lookup& context, const Repeat& repeat) {
    std::vector<std::vector<double>> times(programs.size()), ratios(programs.size());
    for (int i = 0; i < repeat.batches; ++i) {
        const double floor = batch(floor_fd, context, repeat);
        for (std::size_t p = 0; p < programs.size(); ++p) {
            times[p].push_back(batch(programs[p], context, repeat));
            ratios[p].push_back(times[p].back() / floor);
        }
    }
    std::vector<Cost> costs;
    for (std::size_t p = 0; p < programs.size(); ++p) costs.push_back({median(times[p]), median(ratios[p])});
    return costs;
}

bpf_sk_lookup packet(const Address& to, std::uint16_t port, const Address& from = Address::any(Family::ipv4)) {
    bpf_sk_lookup context{};
    context.protocol = IPPROTO_TCP;
    context.local_port = port;
    if (to.family == Family::ipv4) {
        context.family = AF_INET;
        context.local_ip4 = htonl(to.v4_bits());
        context.remote_ip4 = htonl(from.v4_bits());
    } else {
        context.family = AF_INET6;
        std::uint8_t bytes[16];
        to.v6_bytes(bytes);
        std::memcpy(context.local_ip6, bytes, sizeof bytes);
    }
    return context;
}

UniqueFd tcp_listener() {
    UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); // bound to [::], it takes both families
    if (listen(fd.get(), 16) < 0) die("cannot listen");
    return fd;
}

struct Row {
    std::string shape;
    std::size_t rules, bytes;
    std::uint32_t verified;
    Cost hit, miss;
    std::optional<Cost> baseline_hit, baseline_miss;
};

std::uint32_t verified_instructions(int program_fd) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0 ? info.verified_insns : 0;
}

/// The middle rule's destination, or of prefixes that lie in each other the longest.
Prefix deepest(const RuleSet& rules) {
    const Prefix& middle = rules.rules[rules.rules.size() / 2].destination;
    const Prefix& last = rules.rules.back().destination;
    return middle.contains(last) ? last : middle;
}

/// Two packets to the same destination: one that a rule matches, and one that none does.
std::pair<bpf_sk_lookup, bpf_sk_lookup> packets_for(const RuleSet& rules) {
    const Rule& rule = rules.rules[rules.rules.size() / 2];
    const auto& ports = rules.port_sets[0];
    const std::uint16_t port = ports[ports.size() / 2].first;
    const auto& sources = rules.source_sets[rule.sources];
    const Address from = sources.empty() ? Address::any(Family::ipv4) : sources[sources.size() / 2].first();
    const Address to = deepest(rules).last();
    return {packet(to, port, from), packet(to, static_cast<std::uint16_t>(port - 1), from)};
}

Row measure(const Shape& shape, std::uint32_t count, int sockets_fd, int floor_fd, const Config& config, const Repeat& repeat) {
    const RuleSet rules = shape.rules(count, Protocol::tcp);
    const Tables tables = tables_of(rules, config);
    const Generation generation = need(Generation::load(tables, {sockets_fd, -1}));
    std::optional<Baseline> baseline;
    std::vector<int> programs{generation.program_fd()};
    if (Baseline::can_express(rules)) programs.push_back(baseline.emplace(Baseline::load(rules, sockets_fd)).program_fd());

    const auto [hit, miss] = packets_for(rules);
    const std::vector<Cost> hits = costs(floor_fd, programs, hit, repeat), misses = costs(floor_fd, programs, miss, repeat);
    Row row{shape.name, count, tables.bytes(), verified_instructions(programs[0]), hits[0], misses[0], {}, {}};
    if (baseline) row.baseline_hit = hits[1], row.baseline_miss = misses[1];
    return row;
}

/// What one packet costs more where its listener has limits. All come from one source, and are let in.
struct LimitRow {
    const char* limits;
    Cost cost;
};

std::vector<LimitRow> measure_limits(int sockets_fd, int floor_fd, const Repeat& repeat) {
    constexpr ConnectionRate kPlenty{1'000'000'000, std::chrono::seconds(1), 0};
    struct Case { const char* name; ConnectionRate all, one_source; std::uint32_t blocked; bool drops; };
    const Case cases[] = {
        {"none", {}, {}, 0, false},
        {"100,000 blocked prefixes", {}, {}, 100'000, false},
        {"rate", kPlenty, {}, 0, false},
        {"source rate", {}, kPlenty, 0, false},
        {"both rates", kPlenty, kPlenty, 0, false},
        {"both, and numbers of connections", kPlenty, kPlenty, 0, true},
    };
    std::vector<LimitRow> rows;
    for (const Case& c : cases) {
        Config config = one_listener();
        Service& service = config.services[0];
        service.listeners[0].connection_rate = c.all;
        service.listeners[0].source_rate = c.one_source;
        service.accept = c.drops;
        service.max_connections_hit = service.max_connections_per_source_hit = OverLimit::drop;
        service.max_connections_per_source = 100;
        const RuleSet rules = blocking_rules(c.blocked, Protocol::tcp);
        const LimitMaps limits = need(LimitMaps::create());
        const Generation generation = need(Generation::load(tables_of(rules, config), {sockets_fd, -1, -1, &limits, true}));
        const bpf_sk_lookup context = packet(Address::v4(0x0a000001U), 443, Address::v4(0xcb007107U));
        rows.push_back({c.name, costs(floor_fd, {generation.program_fd()}, context, repeat)[0]});
    }
    return rows;
}

void print(const std::vector<LimitRow>& rows) {
    fmt::print("\n{:<34}{:>8}{:>7}\n", "limits of the listener", "hit ns", "ratio");
    for (const LimitRow& row : rows) fmt::print("{:<34}{:>8}{:>7.2f}\n", row.limits, row.cost.ns, row.cost.ratio);
}

nlohmann::json to_json(const std::vector<LimitRow>& rows) {
    nlohmann::json out = nlohmann::json::array();
    for (const LimitRow& row : rows) out.push_back({{"limits", row.limits}, {"hit_ns", row.cost.ns}, {"hit_ratio", row.cost.ratio}});
    return out;
}

nlohmann::json to_json(const Row& row) {
    nlohmann::json out{
        {"shape", row.shape},     {"rules", row.rules},           {"hit_ns", row.hit.ns}, {"hit_ratio", row.hit.ratio},
        {"miss_ns", row.miss.ns}, {"miss_ratio", row.miss.ratio}, {"bytes", row.bytes},   {"verified_instructions", row.verified}};
    if (row.baseline_hit) {
        out["baseline_hit_ns"] = row.baseline_hit->ns;
        out["baseline_hit_ratio"] = row.baseline_hit->ratio;
        out["baseline_miss_ns"] = row.baseline_miss->ns;
        out["baseline_miss_ratio"] = row.baseline_miss->ratio;
    }
    return out;
}

std::string baseline_ratio(const std::optional<Cost>& cost) { return cost ? fmt::format("{:.2f}", cost->ratio) : "-"; }

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const Repeat repeat = options.quick ? Repeat{20'000, 5} : Repeat{100'000, 11};
    stay_on_one_cpu();
    const UniqueFd socket = tcp_listener();
    const UniqueFd sockets = sockmap_of(socket.get());
    const Bottom bottom = Bottom::load(socket.get());
    const Config config = one_listener();
    const auto least = costs(bottom.floor_fd(), {bottom.empty_fd(), bottom.floor_fd()}, packet(Address::v4(0x0a000001U), 80), repeat);

    nlohmann::json rows = nlohmann::json::array();
    if (!options.json) {
        fmt::print("empty program {} ns, floor (SOCKMAP lookup + assign + release) {} ns; ratios to the floor\n\n", least[0].ns,
                   least[1].ns);
        fmt::print("{:<34}{:>9}{:>8}{:>7}{:>10}{:>9}{:>7}{:>10}{:>13}{:>10}\n", "rules", "count", "hit ns", "ratio", "baseline", "miss ns",
                   "ratio", "baseline", "table bytes", "verified");
    }
    for (const Shape& shape : shapes())
        for (std::uint32_t count = 1, last = std::min(shape.most, options.max_rules);; count = std::min(count * 10, last)) {
            const Row row = measure(shape, count, sockets.get(), bottom.floor_fd(), config, repeat);
            rows.push_back(to_json(row));
            if (!options.json)
                fmt::print("{:<34}{:>9}{:>8}{:>7.2f}{:>10}{:>9}{:>7.2f}{:>10}{:>13}{:>10}\n", row.shape, row.rules, row.hit.ns,
                           row.hit.ratio, baseline_ratio(row.baseline_hit), row.miss.ns, row.miss.ratio, baseline_ratio(row.baseline_miss),
                           row.bytes, row.verified);
            if (count == last) break;
        }
    const std::vector<LimitRow> limits = measure_limits(sockets.get(), bottom.floor_fd(), repeat);
    if (!options.json) print(limits);
    else
        fmt::print(
            "{}\n",
            nlohmann::json{{"empty_ns", least[0].ns}, {"floor_ns", least[1].ns}, {"rows", rows}, {"limits", to_json(limits)}}.dump(2));
    return 0;
}
