// What finding the socket costs while the caches are cold: real UDP datagrams to random destinations, in a network namespace of
// its own, timed by the kernel itself (BPF_STATS_RUN_TIME). The kernel's way from sendmmsg(2) to the program lies between two
// runs, and each goes to another rule. Beside it, in the same run: the floor and the baseline. Needs root.

#include "baseline.h"
#include "bottom.h"
#include "dispatch/generation.h"
#include "rule_shapes.h"
#include "support.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

constexpr std::size_t kBurst = 512;   // datagrams of one sendmmsg(2)
constexpr std::uint16_t kOwnPort = 9; // of the receiver, which nobody asks for
constexpr char kPayload[] = "x";

struct Repeat {
    std::uint32_t datagrams; ///< of one batch
    int batches;             ///< the median counts
};

/// Sends datagrams to addresses of rules drawn by lot.
class Sender {
public:
    explicit Sender(const RuleSet& rules)
        : rules_(rules),
          fd_(::socket(rules.rules[0].destination.family() == Family::ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        if (!fd_) need(Status(system_failure("open the sender")));
        for (std::size_t i = 0; i < kBurst; ++i) {
            messages_[i].msg_hdr.msg_name = &addresses_[i];
            messages_[i].msg_hdr.msg_iov = &payload_;
            messages_[i].msg_hdr.msg_iovlen = 1;
        }
    }

    void send(std::uint32_t count) {
        for (std::uint32_t sent = 0; sent < count; sent += kBurst) {
            for (std::size_t i = 0; i < kBurst; ++i) messages_[i].msg_hdr.msg_namelen = destination().to_sockaddr(addresses_[i]);
            for (std::size_t done = 0; done < kBurst;) done += send_from(done);
        }
    }

private:
    SocketAddress destination() {
        const Rule& rule = rules_.rules[random_() % rules_.rules.size()];
        Address to = rule.destination.address;
        const U128 host{random_(), random_()};
        to.bits = to.bits | (host & U128::low_bits(width_of(to.family) - rule.destination.length));
        return {to, rules_.port_sets[rule.ports][0].first};
    }

    std::size_t send_from(std::size_t done) {
        const int sent = ::sendmmsg(fd_.get(), &messages_[done], static_cast<unsigned>(kBurst - done), 0);
        if (sent < 0) need(Status(system_failure("sendmmsg")));
        return static_cast<std::size_t>(sent);
    }

    const RuleSet& rules_;
    UniqueFd fd_;
    std::mt19937_64 random_{1}; // fixed: the same destinations in every run
    iovec payload_{const_cast<char*>(kPayload), 1};
    std::array<sockaddr_storage, kBurst> addresses_{};
    std::array<mmsghdr, kBurst> messages_{};
};

struct RunTime {
    std::uint64_t ns = 0, runs = 0;
};

RunTime run_time(int program_fd) {
    bpf_prog_info info{};
    std::uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0) need(Status(system_failure("ask for run times")));
    return {info.run_time_ns, info.run_cnt};
}

/// The one link of the namespace; its program is exchanged.
class Attachment {
public:
    Attachment(int program_fd, int netns_fd) : link_(bpf_link_create(program_fd, netns_fd, BPF_SK_LOOKUP, nullptr)) {
        if (!link_) need(Status(system_failure("attach the program")));
    }
    void use(int program_fd) {
        if (bpf_link_update(link_.get(), program_fd, nullptr) < 0) need(Status(system_failure("exchange the program")));
    }

private:
    UniqueFd link_;
};

/// Nanoseconds a run of the program took, on average over one batch.
double batch(int program_fd, Attachment& attachment, Sender& sender, const Repeat& repeat) {
    attachment.use(program_fd);
    sender.send(kBurst); // the table's upper levels and the program itself come back into the caches
    const RunTime before = run_time(program_fd);
    sender.send(repeat.datagrams);
    const RunTime after = run_time(program_fd);
    if (after.runs - before.runs < repeat.datagrams) die("datagrams did not reach the program");
    return static_cast<double>(after.ns - before.ns) / static_cast<double>(after.runs - before.runs);
}

struct Row {
    std::string shape;
    std::uint32_t rules = 0;
    double floor_ns = 0, ours_ns = 0, baseline_ns = 0;
    double excess = 0; ///< ours over the baseline's, each above the floor; the median of all batches
};

Row measure(const Shape& shape, std::uint32_t count, int sockets_fd, const Bottom& bottom, int netns_fd, const Repeat& repeat) {
    const RuleSet rules = shape.rules(count, Protocol::udp);
    const Generation ours = need(Generation::load(tables_of(rules, one_listener()), {sockets_fd, -1}));
    const Baseline baseline = Baseline::load(rules, sockets_fd);
    Sender sender(rules);
    Attachment attachment(bottom.floor_fd(), netns_fd);

    std::vector<double> floor_ns, ours_ns, baseline_ns, excess;
    for (int i = 0; i < repeat.batches; ++i) {
        floor_ns.push_back(batch(bottom.floor_fd(), attachment, sender, repeat));
        ours_ns.push_back(batch(ours.program_fd(), attachment, sender, repeat));
        baseline_ns.push_back(batch(baseline.program_fd(), attachment, sender, repeat));
        excess.push_back((ours_ns.back() - floor_ns.back()) / (baseline_ns.back() - floor_ns.back()));
    }
    return {shape.name, count, median(floor_ns), median(ours_ns), median(baseline_ns), median(excess)};
}

/// All that the shapes name is delivered here.
void route_locally() {
    for (const char* route :
         {"-4 route add local 10.0.0.0/8 dev lo", "-6 route add local 2001:db8::/32 dev lo", "-6 route add local fd00::/8 dev lo"})
        if (std::system(fmt::format("ip {}", route).c_str()) != 0) die(fmt::format("ip {} failed", route));
}

/// Takes both families, and has no room: what is steered to it is thrown away at once.
UniqueFd receiver() {
    UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int least = 1;
    sockaddr_storage any{};
    const socklen_t size = SocketAddress{Address::any(Family::ipv6), kOwnPort}.to_sockaddr(any);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &least, sizeof least) < 0 ||
        ::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), size) < 0)
        need(Status(system_failure("open the receiver")));
    return fd;
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const Repeat repeat = options.quick ? Repeat{5'000, 3} : Repeat{20'000, 11};
    stay_on_one_cpu();
    const NetNamespace ns = fresh_namespace();
    route_locally();
    const UniqueFd statistics(bpf_enable_stats(BPF_STATS_RUN_TIME));
    if (!statistics) need(Status(system_failure("switch run-time statistics on")));
    const UniqueFd socket = receiver();
    const UniqueFd sockets = sockmap_of(socket.get());
    const Bottom bottom = Bottom::load(socket.get());

    nlohmann::json rows = nlohmann::json::array();
    if (!options.json)
        fmt::print("ns a run over random destinations; excess: ours over the baseline's, both above the "
                   "floor\n\n{:<34}{:>9}{:>9}{:>9}{:>10}{:>9}\n",
                   "rules", "count", "floor", "ours", "baseline", "excess");
    for (const Shape& shape : spread_shapes())
        for (std::uint32_t count = 1; count <= options.max_rules; count *= 10) {
            const Row row = measure(shape, count, sockets.get(), bottom, ns.fd(), repeat);
            rows.push_back({{"shape", row.shape},
                            {"rules", row.rules},
                            {"floor_ns", row.floor_ns},
                            {"ours_ns", row.ours_ns},
                            {"baseline_ns", row.baseline_ns},
                            {"excess_of_baselines", row.excess}});
            if (!options.json)
                fmt::print("{:<34}{:>9}{:>9.1f}{:>9.1f}{:>10.1f}{:>9.2f}\n", row.shape, row.rules, row.floor_ns, row.ours_ns,
                           row.baseline_ns, row.excess);
        }
    if (options.json) fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump(2));
    return 0;
}
