#include "support.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

namespace swathe::bench {

void die(const std::string& why) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, why);
    std::exit(1);
}

void need(const Status& status) {
    if (!status) die(status.error().to_string());
}

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--json")
            options.json = true;
        else if (word == "--quick")
            options.quick = true, options.max_rules = std::min(options.max_rules, 1000U);
        else if (word == "--max-rules" && i + 1 < argc)
            options.max_rules = static_cast<std::uint32_t>(std::strtoul(argv[++i], nullptr, 10));
        else
            die(fmt::format("usage: {} [--json] [--quick] [--max-rules N]", program_invocation_short_name));
    }
    return options;
}

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

void stay_on_one_cpu() {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

NetNamespace fresh_namespace() {
    if (::unshare(CLONE_NEWNET) < 0) need(Status(system_failure("unshare (this benchmark needs root)")));
    const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP;
    if (::ioctl(any.get(), SIOCSIFFLAGS, &request) < 0) need(Status(system_failure("bring up lo")));
    return need(NetNamespace::current());
}

Config one_listener() {
    Config config;
    config.services.resize(1);
    config.services[0].name = "bench";
    config.services[0].listeners.resize(1);
    config.services[0].listeners[0].name = "all";
    return config;
}

Tables tables_of(const RuleSet& rules, const Config& config) {
    auto tables = compile({rules, config, [](ListenerRef, Family) { return 0U; }, [](const std::string&) { return 0U; }});
    if (!tables) die("the rules conflict: " + tables.error().front().to_string());
    return std::move(*tables);
}

UniqueFd sockmap_of(int socket_fd) {
    UniqueFd map(bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "bench_sockets", 4, 8, DISPATCH_SLOTS, nullptr));
    if (!map) need(Status(system_failure("create a SOCKMAP (this benchmark needs root)")));
    put_socket(map.get(), socket_fd);
    return map;
}

void put_socket(int map_fd, int socket_fd) {
    const std::uint32_t key = 0;
    const auto value = static_cast<std::uint64_t>(socket_fd);
    if (bpf_map_update_elem(map_fd, &key, &value, BPF_ANY) < 0) need(Status(system_failure("fill the SOCKMAP")));
}

std::size_t kernel_bytes(int map_fd) {
    std::ifstream info(fmt::format("/proc/self/fdinfo/{}", map_fd));
    for (std::string word; info >> word;)
        if (std::size_t bytes = 0; word == "memlock:" && info >> bytes) return bytes;
    return 0;
}

std::size_t kernel_bytes_of_tables(int program_fd) {
    std::uint32_t ids[32];
    bpf_prog_info program{};
    program.nr_map_ids = std::size(ids);
    program.map_ids = reinterpret_cast<std::uintptr_t>(ids);
    std::uint32_t size = sizeof program;
    if (bpf_obj_get_info_by_fd(program_fd, &program, &size) < 0) need(Status(system_failure("ask for a program's maps")));

    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(program.nr_map_ids, std::size(ids)); ++i) {
        const UniqueFd map(bpf_map_get_fd_by_id(ids[i]));
        bpf_map_info info{};
        size = sizeof info;
        if (bpf_obj_get_info_by_fd(map.get(), &info, &size) < 0) need(Status(system_failure("ask for a map")));
        const bool compilers = std::strchr(info.name, '.') != nullptr; // .rodata, .bss
        if (info.type == BPF_MAP_TYPE_ARRAY && !compilers) bytes += kernel_bytes(map.get());
    }
    return bytes;
}

} // namespace swathe::bench
