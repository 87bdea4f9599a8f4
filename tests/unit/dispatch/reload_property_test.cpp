// Random rule sets follow each other while datagrams are under way: each one goes where the old or the new rule set says.

#include "dispatch/dispatcher.h"
#include "random_rules.h"
#include "sandbox.h"

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <thread>

using namespace swathe;

namespace {

constexpr std::uint32_t kLanes = 2;       // threads that send, each to ports and sockets of its own
constexpr std::uint32_t kSteered = 3;     // sockets of a lane that rules steer to
constexpr std::uint32_t kNative = 3;      // outcome: the socket that is bound to the port
constexpr std::uint32_t kRefused = 4;     // outcome: ICMP port unreachable
constexpr std::uint32_t kPorts = 8;       // of a lane
constexpr std::uint32_t kAddresses = 64;  // all lanes send to the same
constexpr std::uint32_t kPairs = kAddresses * kPorts;
constexpr std::uint32_t kGenerations = 120;

std::uint16_t port_of(std::uint32_t lane, std::uint32_t pair) { return static_cast<std::uint16_t>(7000 + lane * 100 + pair % kPorts); }
Address address_of(std::uint32_t pair) { return Address::v4(0x7f010000U + (pair / kPorts) % 8 * 0x100 + pair / kPorts / 8); }

/// Rule sets that differ from one to the next in everything, in one rule, or in who has what.
class Generations {
public:
    explicit Generations(std::uint64_t seed) : random_(seed) {
        config_.services.resize(kLanes * kSteered);
        for (Service& service : config_.services) service.listeners.resize(1);
        rules_.source_sets.emplace_back();
        rules_.interfaces.emplace_back();
        rules_.hole_sets.emplace_back();
        for (std::uint32_t k = 0; k < kGenerations; ++k) add();
    }
    [[nodiscard]] const Tables& tables(std::size_t k) const { return tables_[k]; }
    [[nodiscard]] std::uint32_t outcome(std::size_t k, std::uint32_t lane, std::uint32_t pair) const {
        return outcomes_[k][lane * kPairs + pair];
    }
    /// The pairs of a lane that go elsewhere in `k` than before.
    [[nodiscard]] const std::vector<std::uint32_t>& changed(std::size_t k, std::uint32_t lane) const { return changed_[k * kLanes + lane]; }

private:
    std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

    Target target(std::uint32_t lane) {
        const auto kind = below(8);
        if (kind == 0) return {Verdict::drop, {}};
        if (kind == 1) return {Verdict::pass, {}};
        return {Verdict::steer, {lane * kSteered + below(kSteered), 0}};
    }
    Rule rule() {
        constexpr unsigned kLengths[] = {8, 16, 21, 24, 29, 30, 31, 32};
        const std::uint32_t lane = below(kLanes);
        std::uint16_t first = port_of(lane, below(kPorts)), last = port_of(lane, below(3) == 0 ? below(kPorts) : first % 100U);
        if (first > last) std::swap(first, last);
        Rule r;
        r.protocol = Protocol::udp;
        r.destination = prefix_of(address_of(below(kPairs)), kLengths[below(8)]);
        r.ports = static_cast<std::uint32_t>(rules_.port_sets.size());
        rules_.port_sets.push_back({{first, last}});
        r.target = target(lane);
        return r;
    }
    void change() {
        const auto how = list_.empty() ? 0 : below(3);
        if (how == 0) {
            list_.clear();
            rules_.port_sets.clear();
            for (std::uint32_t i = 20 + below(60); i > 0; --i) list_.push_back(rule());
        } else if (how == 1) {
            list_[below(static_cast<std::uint32_t>(list_.size()))] = rule();
        } else { // all of a lane's listeners swap what they have
            const std::uint32_t by = 1 + below(kSteered - 1);
            for (Rule& r : list_) {
                std::uint32_t& service = r.target.listener.service;
                if (r.target.verdict == Verdict::steer) service = service / kSteered * kSteered + (service + by) % kSteered;
            }
        }
    }
    static std::uint32_t no_interface(const std::string&) { return 0; }
    tl::expected<Tables, Diagnostics> compile_list() {
        rules_.rules = RuleList();
        for (const Rule& r : list_) rules_.rules.push_back(r);
        return compile({rules_, config_, [](ListenerRef l, Family) { return l.service; }, no_interface});
    }
    void add() {
        change();
        for (std::size_t i = 0; i < list_.size(); ++i) list_[i].pos.line = static_cast<std::uint32_t>(i + 1);
        auto tables = compile_list();
        for (; !tables; tables = compile_list())
            for (const Diagnostic& d : tables.error()) std::erase_if(list_, [&](const Rule& r) { return r.pos == d.error.pos; });
        tables_.push_back(std::move(*tables));

        auto& outcomes = outcomes_.emplace_back();
        for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
            auto& changed = changed_.emplace_back();
            for (std::uint32_t pair = 0; pair < kPairs; ++pair) {
                const Flow flow{Protocol::udp, {address_of(pair), port_of(lane, pair)}, {Address::v4(0x7f000001), 1}, 0};
                const Decision d = decide_by_rules(rules_, flow, no_interface);
                outcomes.push_back(d.verdict == Verdict::drop ? kRefused : d.verdict == Verdict::pass ? kNative
                                   : rules_.rules[*d.rule].target.listener.service - lane * kSteered);
                if (outcomes_.size() == 1) continue;
                if (outcomes.back() != outcomes_[outcomes_.size() - 2][outcomes.size() - 1]) changed.push_back(pair);
            }
        }
    }

    std::mt19937_64 random_;
    Config config_;
    RuleSet rules_;
    std::vector<Rule> list_; // what becomes rules_.rules
    std::vector<Tables> tables_;
    std::vector<std::vector<std::uint32_t>> outcomes_; // by generation, then lane x pair
    std::vector<std::vector<std::uint32_t>> changed_;  // by generation x lane
};

/// How far the switching is: a generation is in force between its `begun` and the `done` of the next.
struct Progress {
    std::atomic<std::size_t> begun = 0, done = 0;
    std::atomic<bool> over = false;
};

sockaddr_in to_kernel(const Address& address, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    out.sin_addr.s_addr = htonl(address.v4_bits());
    return out;
}

/// Sends one datagram after the other, looks who gets it, and which generations can have decided that.
class Lane {
public:
    Lane(std::uint32_t number, const Generations& generations, const Progress& progress, std::uint64_t seed)
        : number_(number), generations_(generations), progress_(progress), random_(seed) {
        for (std::uint32_t i = 0; i < kSteered; ++i) watch(test::udp_socket(), i);
        for (std::uint32_t pair = 0; pair < kPorts; ++pair) {
            UniqueFd native(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
            const sockaddr_in wild = to_kernel(Address::v4(0), port_of(number, pair));
            REQUIRE(bind(native.get(), reinterpret_cast<const sockaddr*>(&wild), sizeof wild) == 0);
            watch(std::move(native), kNative);
        }
        client_ = test::udp_socket();
        const int on = 1;
        REQUIRE(setsockopt(client_.get(), SOL_IP, IP_RECVERR, &on, sizeof on) == 0);
        watch(UniqueFd(fcntl(client_.get(), F_DUPFD_CLOEXEC, 3)), kRefused);
    }
    [[nodiscard]] int socket_number(std::uint32_t i) const { return sockets_[i].first.get(); }

    void run() {
        while (!progress_.over && violation.empty()) step();
    }

    std::uint64_t sent = 0, meanwhile = 0, switches = 0, refused = 0;
    std::string violation;

private:
    void watch(UniqueFd fd, std::uint32_t outcome) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u32 = static_cast<std::uint32_t>(sockets_.size());
        REQUIRE(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0);
        sockets_.emplace_back(std::move(fd), outcome);
    }

    /// Half of them are of the next generation's changes, so that a mixture would show.
    std::uint32_t next_pair(std::size_t now) {
        const auto& changed = generations_.changed(std::min<std::size_t>(now + 1, kGenerations - 1), number_);
        return random_() % 2 == 0 || changed.empty() ? static_cast<std::uint32_t>(random_() % kPairs) : changed[random_() % changed.size()];
    }

    void step() {
        const std::size_t earliest = progress_.done;
        const std::uint32_t pair = next_pair(earliest);
        const sockaddr_in to = to_kernel(address_of(pair), port_of(number_, pair));
        ++sent;
        if (sendto(client_.get(), &sent, sizeof sent, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to) != sizeof sent)
            return complain(pair, "could not be sent: " + std::string(std::strerror(errno)));
        const auto seen = outcome();
        if (!seen) return complain(pair, "was neither delivered nor refused");
        judge(pair, *seen, earliest, progress_.begun);
    }

    /// Who got the datagram that was sent last.
    std::optional<std::uint32_t> outcome() {
        epoll_event event{};
        if (epoll_wait(epoll_.get(), &event, 1, 5000) != 1) return std::nullopt;
        const auto& [fd, outcome] = sockets_[event.data.u32];
        std::uint64_t number = 0;
        if (outcome != kRefused) {
            const bool whole = recv(fd.get(), &number, sizeof number, 0) == sizeof number;
            return whole && number == sent ? std::optional(outcome) : std::nullopt;
        }
        iovec payload{&number, sizeof number};
        char control[512];
        msghdr message{};
        message.msg_iov = &payload;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        if (recvmsg(fd.get(), &message, MSG_ERRQUEUE) != sizeof number || number != sent) return std::nullopt;
        int error = 0;
        socklen_t size = sizeof error;
        (void)getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size); // else the next sendto() tells it
        ++refused;
        return outcome;
    }

    /// Datagrams are looked up one after the other: who has seen a generation never sees an older one. The oldest that explains what was
    /// seen leaves the most room for what comes.
    void judge(std::uint32_t pair, std::uint32_t seen, std::size_t earliest, std::size_t latest) {
        if (earliest != latest) ++meanwhile;
        const std::size_t before = at_least_;
        at_least_ = std::max(at_least_, earliest);
        while (at_least_ <= latest && generations_.outcome(at_least_, number_, pair) != seen) ++at_least_;
        if (at_least_ > latest)
            return complain(pair, "went to " + std::to_string(seen) + ", as in no generation from " +
                                      std::to_string(std::max(before, earliest)) + " to " + std::to_string(latest));
        if (at_least_ != before) ++switches;
    }
    void complain(std::uint32_t pair, const std::string& what) {
        const SocketAddress to{address_of(pair), port_of(number_, pair)};
        violation = "datagram " + std::to_string(sent) + " to " + to.to_string() + ' ' + what;
    }

    std::uint32_t number_;
    const Generations& generations_;
    const Progress& progress_;
    std::mt19937_64 random_;
    UniqueFd epoll_{epoll_create1(EPOLL_CLOEXEC)};
    std::vector<std::pair<UniqueFd, std::uint32_t>> sockets_; // with what it means if it has something
    UniqueFd client_;
    std::size_t at_least_ = 0; // the generation that was seen last, or one before it that says the same
};

} // namespace

TEST_CASE("dispatch: while rule sets are switched each datagram is decided by the old or the new one, never by a mixture") {
    (void)test::Sandbox::instance();
    std::ofstream("/proc/sys/net/ipv4/icmp_ratemask") << 0; // all that is refused is answered
    const std::uint64_t seed = test::first_seed();
    CAPTURE(seed);
    const Generations generations(seed);
    Dispatcher dispatcher = Dispatcher::create({}).value();
    Progress progress;
    std::vector<std::unique_ptr<Lane>> lanes;
    for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        lanes.push_back(std::make_unique<Lane>(lane, generations, progress, seed + lane));
        for (std::uint32_t i = 0; i < kSteered; ++i) {
            const std::uint32_t slot = dispatcher.allocate_slot().value();
            REQUIRE(slot == lane * kSteered + i);
            REQUIRE(dispatcher.set_socket(slot, lanes.back()->socket_number(i)).has_value());
        }
    }
    REQUIRE(dispatcher.publish(generations.tables(0)).has_value());

    std::vector<std::thread> threads;
    for (const auto& lane : lanes) threads.emplace_back([&lane] { lane->run(); });
    for (std::size_t k = 1; k < kGenerations; ++k) {
        progress.begun = k;
        CHECK(dispatcher.publish(generations.tables(k)).has_value());
        progress.done = k;
    }
    progress.over = true;
    for (std::thread& thread : threads) thread.join();
    for (const auto& lane : lanes) {
        CHECK(lane->violation == "");
        CHECK(lane->sent > 10 * kGenerations);
        CHECK(lane->meanwhile > kGenerations);   // under way while one was switched to
        CHECK(lane->switches > kGenerations / 2); // and so many were told apart
        CHECK(lane->refused > 0);
        MESSAGE(lane->sent, " datagrams, ", lane->meanwhile, " during a switch, ", lane->switches, " switches seen, ",
                lane->refused, " refused");
    }
    CHECK(dispatcher.generation() == kGenerations);
}
