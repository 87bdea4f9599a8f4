// What finding the socket costs, by BPF_PROG_TEST_RUN, beside the floor measured in the same run. Needs root.
// The packet is the same within a batch, so the caches are hot: this shows the length of the walk, not that of memory.

#include "base/unique_fd.h"
#include "classify/tables.h"
#include "dispatch/generation.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sched.h>

#include "floor.skel.h"

using namespace swathe;

namespace {

struct Options {
    std::uint32_t max_rules = 1'000'000;
    std::uint32_t repeat = 200'000; ///< runs of one batch
    int batches = 11;               ///< the median counts
    bool json = false;
};

[[noreturn]] void die(const std::string& what) {
    fmt::print(stderr, "dispatch_bench: {}\n", what);
    std::exit(1);
}

/// One kind of rule set: `count` rules for one listener, and packets that hit one of them or none.
struct Shape {
    const char* name;
    RuleSet (*rules)(std::uint32_t count);
};

RuleSet empty_rules() {
    RuleSet rules;
    rules.source_sets.emplace_back();
    rules.interfaces.emplace_back();
    rules.hole_sets.emplace_back();
    rules.port_sets.push_back({{80, 80}, {443, 443}, {8000, 8999}});
    return rules;
}

void add_rule(RuleSet& rules, const Prefix& destination, std::uint32_t ports, std::uint32_t sources = 0) {
    Rule rule;
    rule.destination = destination;
    rule.ports = ports;
    rule.sources = sources;
    rule.target = {Verdict::steer, {0, 0}};
    rules.rules.push_back(rule);
}

/// Hosts all over 10.0.0.0/8.
RuleSet random_hosts4(std::uint32_t count) {
    RuleSet rules = empty_rules();
    std::mt19937 random(4);
    for (std::uint32_t i = 0; i < count; ++i) add_rule(rules, Prefix::host(Address::v4(0x0a000000U | (random() & 0xffffffU))), 0);
    return rules;
}

/// Networks of customers all over 2001:db8::/32.
RuleSet random_nets6(std::uint32_t count) {
    RuleSet rules = empty_rules();
    std::mt19937_64 random(6);
    for (std::uint32_t i = 0; i < count; ++i) add_rule(rules, prefix_of({Family::ipv6, {0x20010db800000000ULL | (random() >> 32), 0}}, 64), 0);
    return rules;
}

/// Hosts in few networks far apart: no bits that all share, dense where they are.
RuleSet clustered_hosts6(std::uint32_t count) {
    RuleSet rules = empty_rules();
    std::mt19937_64 random(66);
    for (std::uint32_t i = 0; i < count; ++i)
        add_rule(rules, Prefix::host({Family::ipv6, {i % 2 == 0 ? 0x20010db800010000ULL + i % 16 : 0xfd00000000000000ULL + i % 16, random() & 0xffffff}}), 0);
    return rules;
}

/// One prefix with many ports.
RuleSet ports4(std::uint32_t count) {
    RuleSet rules = empty_rules();
    rules.port_sets.emplace_back();
    for (std::uint32_t i = 0; i < std::min(count, 30000U); ++i) rules.port_sets.back().push_back({static_cast<std::uint16_t>(1 + 2 * i), static_cast<std::uint16_t>(1 + 2 * i)});
    rules.port_sets.erase(rules.port_sets.begin());
    add_rule(rules, Prefix{Address::v4(0x0a000000U), 8}, 0);
    return rules;
}

/// One prefix whose rule has many sources; the packet comes from one of them.
RuleSet sources4(std::uint32_t count) {
    RuleSet rules = empty_rules();
    rules.source_sets.emplace_back();
    std::mt19937 random(44);
    for (std::uint32_t i = 0; i < count; ++i) rules.source_sets.back().push_back(Prefix::host(Address::v4(static_cast<std::uint32_t>(random()))));
    add_rule(rules, Prefix{Address::v4(0x0a000000U), 8}, 0, 1);
    return rules;
}

/// Prefixes one inside the other, all but the shortest with a port that is not asked for.
RuleSet nested4(std::uint32_t count) {
    RuleSet rules = empty_rules();
    rules.port_sets.push_back({{9, 9}});
    for (unsigned length = std::min(count, 33U); length-- > 0;) add_rule(rules, prefix_of(Address::v4(0x0a0a0a0aU), length), length == 0 ? 0 : 1);
    return rules;
}

std::uint32_t batch(int program_fd, bpf_sk_lookup context, const Options& options) {
    LIBBPF_OPTS(bpf_test_run_opts, test);
    test.ctx_in = &context;
    test.ctx_size_in = sizeof context;
    test.repeat = static_cast<int>(options.repeat);
    if (const int error = bpf_prog_test_run_opts(program_fd, &test); error < 0) die(fmt::format("BPF_PROG_TEST_RUN: {}", std::strerror(-error)));
    return test.duration;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// What a program costs, and its ratio to the floor: each batch has one of the floor just before it, since machines change
/// their pace.
struct Cost {
    double ns, ratio;
};

Cost cost(int program_fd, const bpf_sk_lookup& context, int floor_fd, const Options& options) {
    std::vector<double> times, ratios;
    for (int i = 0; i < options.batches; ++i) {
        const double floor = batch(floor_fd, context, options);
        times.push_back(batch(program_fd, context, options));
        ratios.push_back(times.back() / floor);
    }
    return {median(times), median(ratios)};
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

UniqueFd listener() {
    UniqueFd fd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)); // bound to [::], it takes both families
    if (listen(fd.get(), 16) < 0) die("cannot listen");
    return fd;
}

void put(int map_fd, int socket_fd) {
    const std::uint32_t key = 0;
    const auto value = static_cast<std::uint64_t>(socket_fd);
    if (bpf_map_update_elem(map_fd, &key, &value, BPF_ANY) < 0) die("cannot fill the SOCKMAP");
}

struct Row {
    std::string shape;
    std::size_t rules, bytes, compile_ms, load_ms, verified;
    Cost hit, miss;
};

template <class F> std::size_t milliseconds(F&& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return static_cast<std::size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin).count());
}

std::size_t verified_instructions(int program_fd) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(program_fd, &info, &size) == 0 ? info.verified_insns : 0;
}

Row measure(const Shape& shape, std::uint32_t count, int sockets_fd, int floor_fd, const Config& config, const Options& options) {
    const RuleSet rules = shape.rules(count);
    std::optional<tl::expected<Tables, Diagnostics>> tables;
    const CompileInput input{rules, config, [](ListenerRef, Family) { return 0U; }, [](const std::string&) { return 0U; }};
    const std::size_t compile_ms = milliseconds([&] { tables = compile(input); });
    if (!*tables) die("the rules conflict");
    std::optional<Result<Generation>> generation;
    const std::size_t load_ms = milliseconds([&] { generation = Generation::load(**tables, {sockets_fd, -1}); });
    if (!*generation) die(generation->error().to_string());

    const Rule& rule = rules.rules[rules.rules.size() / 2];
    const auto& ports = rules.port_sets[0];
    const std::uint16_t port = ports[ports.size() / 2].first;
    const auto& sources = rules.source_sets[rule.sources];
    const Address from = sources.empty() ? Address::any(Family::ipv4) : sources[sources.size() / 2].first();
    const int fd = (*generation)->program_fd();
    return {shape.name, count, (**tables).bytes(), compile_ms, load_ms, verified_instructions(fd), cost(fd, packet(rule.destination.last(), port, from), floor_fd, options),
            cost(fd, packet(rule.destination.last(), static_cast<std::uint16_t>(port - 1), from), floor_fd, options)};
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--json") == 0) options.json = true;
        else if (std::strcmp(argv[i], "--max-rules") == 0 && i + 1 < argc) options.max_rules = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        else if (std::strcmp(argv[i], "--quick") == 0) options.repeat = 20'000, options.batches = 5, options.max_rules = 1000;
        else die("usage: dispatch_bench [--json] [--quick] [--max-rules N]");
    }
    return options;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof one, &one);

    floor_bpf* bottom = floor_bpf__open_and_load();
    if (bottom == nullptr) die("cannot load the floor program (this needs root)");
    const UniqueFd socket = listener();
    put(bpf_map__fd(bottom->maps.socket), socket.get());
    const UniqueFd sockets(bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "bench_sockets", 4, 8, DISPATCH_SLOTS, nullptr));
    put(sockets.get(), socket.get());

    Config config;
    config.services.resize(1);
    config.services[0].listeners.resize(1);
    const bpf_sk_lookup any = packet(Address::v4(0x0a000001U), 80);
    const int floor_fd = bpf_program__fd(bottom->progs.floor_steer);
    const double floor_ns = cost(floor_fd, any, floor_fd, options).ns;
    const double empty_ns = cost(bpf_program__fd(bottom->progs.floor_empty), any, floor_fd, options).ns;

    const Shape shapes[] = {
        {"IPv4 hosts", random_hosts4},
        {"IPv6 /64s", random_nets6},
        {"IPv6 hosts in clusters", clustered_hosts6},
        {"IPv4 ports of a /8", ports4},
        {"IPv4 sources of one rule", sources4},
        {"IPv4 nested prefixes", nested4},
    };
    std::vector<Row> rows;
    for (const Shape& shape : shapes)
        for (std::uint32_t count = 1; count <= options.max_rules; count *= 10) rows.push_back(measure(shape, count, sockets.get(), floor_fd, config, options));

    if (options.json) {
        nlohmann::json out{{"empty_ns", empty_ns}, {"floor_ns", floor_ns}, {"rows", nlohmann::json::array()}};
        for (const Row& r : rows)
            out["rows"].push_back({{"shape", r.shape}, {"rules", r.rules}, {"hit_ns", r.hit.ns}, {"miss_ns", r.miss.ns}, {"hit_ratio", r.hit.ratio},
                                   {"miss_ratio", r.miss.ratio}, {"bytes", r.bytes}, {"compile_ms", r.compile_ms}, {"load_ms", r.load_ms}, {"verified_instructions", r.verified}});
        fmt::print("{}\n", out.dump(2));
    } else {
        fmt::print("empty program {} ns, floor (SOCKMAP lookup + assign + release) {} ns\n\n", empty_ns, floor_ns);
        fmt::print("{:<24}{:>9}{:>9}{:>7}{:>9}{:>7}{:>12}{:>12}{:>9}{:>10}\n", "rules", "count", "hit ns", "ratio", "miss ns", "ratio", "table bytes", "compile ms", "load ms", "verified");
        for (const Row& r : rows)
            fmt::print("{:<24}{:>9}{:>9}{:>7.2f}{:>9}{:>7.2f}{:>12}{:>12}{:>9}{:>10}\n", r.shape, r.rules, r.hit.ns, r.hit.ratio, r.miss.ns, r.miss.ratio,
                        r.bytes, r.compile_ms, r.load_ms, r.verified);
    }
    floor_bpf__destroy(bottom);
    return 0;
}
