#include "dispatch/dispatcher.h"
#include "dispatch/generation.h"
#include "rules_for_test.h"
#include "sandbox.h"
#include "socket/live_lookup.h"

#include <arpa/inet.h>
#include <atomic>
#include <bpf/bpf.h>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <map>
#include <netinet/in.h>
#include <sys/socket.h>
#include <thread>

using namespace swathe;
using namespace std::chrono_literals;
using test::HandRules;

namespace {

constexpr ConnectionRate seldom(std::uint32_t burst) { return {1, 3600s, burst}; }

/// A listener on 127.0.1.0/24 and 2001:db8::/32, port 80, of a service whose sources are `prefix4` and `prefix6` long.
struct World {
    explicit World(ConnectionRate all, ConnectionRate source = {}, std::uint8_t prefix4 = 32, std::uint8_t prefix6 = 64) {
        (void)rules.listener(0);
        rules.steer("127.0.1.0/24", {80, 80}, 0);
        rules.steer("2001:db8::/32", {80, 80}, 0);
        said().connection_rate = all;
        said().source_rate = source;
        service().source_prefix_ipv4 = prefix4;
        service().source_prefix_ipv6 = prefix6;
    }
    Service& service() { return rules.config.services[0]; }
    Listener& said() { return service().listeners[0]; }
    HandRules rules;
};

/// The program that runs, asked by BPF_PROG_TEST_RUN instead of by packets.
class Asked {
public:
    explicit Asked(const Tables& tables, const LimitMaps& limits) {
        const UniqueFd any(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
        socket_ = UniqueFd(fcntl(any.get(), F_DUPFD_CLOEXEC, 3));
        REQUIRE(listen(socket_.get(), 16) == 0); // bound to [::], it takes both families
        sockets_ = UniqueFd(bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "test", 4, 8, 4, nullptr));
        const std::uint32_t slot = 0;
        const std::uint64_t fd = static_cast<std::uint32_t>(socket_.get());
        REQUIRE(bpf_map_update_elem(sockets_.get(), &slot, &fd, BPF_ANY) == 0);
        auto loaded = Generation::load(tables, {sockets_.get(), -1, -1, &limits, true});
        if (!loaded) FAIL(loaded.error().to_string());
        generation_.emplace(std::move(*loaded));
    }
    [[nodiscard]] bool lets_in(const char* from, const char* to = nullptr) const {
        const Address source = parse_address(from).value();
        bpf_sk_lookup context{};
        context.protocol = IPPROTO_TCP;
        context.local_port = 80;
        context.family = source.family == Family::ipv6 ? AF_INET6 : AF_INET;
        if (source.family == Family::ipv6) {
            REQUIRE(inet_pton(AF_INET6, to != nullptr ? to : "2001:db8::1", context.local_ip6) == 1);
            REQUIRE(inet_pton(AF_INET6, from, context.remote_ip6) == 1);
        } else {
            REQUIRE(inet_pton(AF_INET, to != nullptr ? to : "127.0.1.1", &context.local_ip4) == 1);
            REQUIRE(inet_pton(AF_INET, from, &context.remote_ip4) == 1);
        }
        LIBBPF_OPTS(bpf_test_run_opts, test);
        test.ctx_in = &context;
        test.ctx_size_in = sizeof context;
        test.repeat = 1;
        REQUIRE(bpf_prog_test_run_opts(generation_->program_fd(), &test) == 0);
        return test.retval == SK_PASS;
    }
    /// How many of `times` tries are let in.
    [[nodiscard]] int count(int times, const char* from) const {
        int in = 0;
        for (int i = 0; i < times; ++i) in += lets_in(from);
        return in;
    }

private:
    UniqueFd socket_, sockets_;
    std::optional<Generation> generation_;
};

/// Connects from an address of loopback's; errno, 0 = connected.
int connect_from(const char* from, const char* to = "127.0.1.1") {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in own{}, other{};
    own.sin_family = other.sin_family = AF_INET;
    other.sin_port = htons(80);
    REQUIRE(inet_pton(AF_INET, from, &own.sin_addr) == 1);
    REQUIRE(inet_pton(AF_INET, to, &other.sin_addr) == 1);
    REQUIRE(bind(client.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&other), sizeof other) == 0 ? 0 : errno;
}

struct Steering {
    explicit Steering(const Tables& tables) : dispatcher(made()), socket(test::tcp_listener()) {
        REQUIRE(dispatcher.allocate_slot().value() == 0);
        REQUIRE(dispatcher.set_socket(0, socket.get()));
        REQUIRE(dispatcher.publish(tables));
    }
    static Dispatcher made() {
        (void)test::Sandbox::instance();
        return Dispatcher::create({}).value();
    }
    [[nodiscard]] int count(int times, const char* from) const {
        int in = 0;
        for (int i = 0; i < times; ++i) in += connect_from(from) == 0;
        return in;
    }
    [[nodiscard]] std::uint64_t refused_by(DropReason why) const { return dispatcher.counters(0).refused_by(why); }
    Dispatcher dispatcher;
    UniqueFd socket;
};

} // namespace

TEST_CASE("rates: a source gets its burst and not one more, per prefix of any length, in both families") {
    (void)test::Sandbox::instance();
    struct Case { std::uint8_t prefix4, prefix6; const char *one, *same, *other; };
    const Case cases[] = {
        {32, 64, "203.0.113.7", "203.0.113.7", "203.0.113.8"},
        {24, 64, "203.0.113.7", "203.0.113.255", "203.0.112.255"},
        {24, 64, "203.0.113.0", "203.0.113.7", "203.0.114.0"},
        {1, 64, "203.0.113.7", "128.0.0.0", "127.255.255.255"},
        {32, 64, "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:3::"},
        {32, 128, "2001:db8:1:2::1", "2001:db8:1:2::1", "2001:db8:1:2::2"},
        {32, 48, "2001:db8:1:2::1", "2001:db8:1:ffff::", "2001:db8:2::"},
        {32, 65, "2001:db8::1", "2001:db8::7fff:0:0:0", "2001:db8::8000:0:0:0"},
        {32, 1, "2001:db8::1", "7fff::", "8000::"},
        {24, 64, "0.0.0.1", "0.0.0.2", "::ffff:0:0:1"}, // no IPv6 source is an IPv4 one
    };
    for (const Case& c : cases) {
        CAPTURE(c.one);
        const LimitMaps limits = LimitMaps::create().value();
        const Asked program(World({}, seldom(3), c.prefix4, c.prefix6).rules.tables(), limits);
        CHECK(program.count(2, c.one) == 2);
        CHECK(program.count(3, c.same) == 1);
        CHECK(program.count(2, c.one) == 0);
        CHECK(program.count(5, c.other) == 3);
    }
}

TEST_CASE("rates: the rate of a listener is one for both families, and who is over his own takes nothing from it") {
    (void)test::Sandbox::instance();
    const LimitMaps limits = LimitMaps::create().value();
    const Asked program(World(seldom(10), seldom(4)).rules.tables(), limits);
    CHECK(program.count(1000, "203.0.113.7") == 4); // a flood
    CHECK(program.count(100, "2001:db8:7::1") == 4);
    CHECK(program.count(10, "203.0.113.8") == 2);   // all that is left for everybody
    CHECK(program.count(10, "203.0.113.9") == 0);
}

TEST_CASE("rates: real connections are refused beyond the burst, counted, and let in again as time goes by") {
    Steering steering(World({}, {10, 1s, 5}).rules.tables()); // one more each 100 ms
    const auto begin = now();
    CHECK(steering.count(5, "127.1.0.1") == 5);
    const int refused = 5 - steering.count(5, "127.1.0.1");
    const bool in_time = now() - begin < 100ms;
    if (in_time) CHECK(refused == 5);
    CHECK(steering.refused_by(DropReason::source_rate) == static_cast<std::uint64_t>(refused));
    CHECK(connect_from("127.1.0.2") == 0);
    std::this_thread::sleep_for(110ms);
    CHECK(connect_from("127.1.0.1") == 0);
    const SlotCounters counters = steering.dispatcher.counters(0);
    CHECK(counters.new_sources == 2);
    CHECK(counters.unasked == 0);
    CHECK(counters.lookups == counters.steered + static_cast<std::uint64_t>(refused));
}

TEST_CASE("rates: refused connections are told so at once") {
    Steering steering(World(seldom(1)).rules.tables());
    CHECK(connect_from("127.1.0.1") == 0);
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    CHECK(steering.refused_by(DropReason::rate) == 1);
}

TEST_CASE("rates: many at once are let in by the burst exactly, whichever CPU they come on") {
    Steering steering(World(seldom(100), seldom(30)).rules.tables());
    REQUIRE(listen(steering.socket.get(), 1024) == 0); // who found the backlog full would come, and be counted, a second time
    std::atomic<int> in = 0;
    std::map<std::string, std::atomic<int>> by_source;
    for (int i = 1; i <= 3; ++i) by_source["127.1.1." + std::to_string(i)] = 0;
    std::vector<std::thread> clients;
    for (int t = 0; t < 8; ++t)
        clients.emplace_back([&] {
            for (int i = 0; i < 40; ++i)
                for (auto& [from, count] : by_source)
                    if (connect_from(from.c_str()) == 0) ++count, ++in;
        });
    for (std::thread& client : clients) client.join();
    CHECK(in == 90);
    for (const auto& [from, count] : by_source) CHECK(count == 30);
    CHECK(steering.dispatcher.counters(0).unasked == 0);
}

TEST_CASE("rates: a reload keeps what a listener has used up, and its new limits hold at once") {
    World world(seldom(4), seldom(2));
    Steering steering(world.rules.tables());
    CHECK(steering.count(3, "127.1.0.1") == 2);
    CHECK(steering.count(3, "127.1.0.2") == 2);
    REQUIRE(steering.dispatcher.publish(world.rules.tables()));
    CHECK(steering.count(2, "127.1.0.3") == 0);
    world.said().connection_rate = seldom(6); // two more
    REQUIRE(steering.dispatcher.publish(world.rules.tables()));
    CHECK(steering.count(2, "127.1.0.1") == 0);
    CHECK(steering.count(3, "127.1.0.4") == 2);
    world.said().connection_rate = world.said().source_rate = {};
    REQUIRE(steering.dispatcher.publish(world.rules.tables()));
    CHECK(steering.count(5, "127.1.0.1") == 5);
    world.said().connection_rate = {1000, 1s, 1}; // a bucket that was deeper is empty, and not in debt for an hour
    REQUIRE(steering.dispatcher.publish(world.rules.tables()));
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    std::this_thread::sleep_for(20ms);
    CHECK(connect_from("127.1.0.1") == 0);
}

TEST_CASE("rates: a slot that another listener gets begins with full buckets, an open gate and nobody blocked") {
    World world(seldom(2), seldom(1));
    world.service().accept = true;
    world.service().max_connections_per_source = 1;
    world.service().max_connections_per_source_hit = OverLimit::drop;
    Steering steering(world.rules.tables());
    Dispatcher& dispatcher = steering.dispatcher;
    CHECK(steering.count(2, "127.1.0.1") == 1);
    CHECK(steering.count(2, "127.1.0.2") == 1);
    REQUIRE(dispatcher.set_gate(0, true));
    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.3").value(), true));
    REQUIRE(dispatcher.publish(HandRules().tables()));
    dispatcher.release_slot(0);
    while (dispatcher.allocate_slot().value() != 0) {} // it rests first
    REQUIRE(dispatcher.set_socket(0, steering.socket.get()));
    REQUIRE(dispatcher.publish(world.rules.tables()));
    CHECK(steering.count(2, "127.1.0.1") == 1);
    CHECK(steering.count(2, "127.1.0.3") == 1);
}

TEST_CASE("rates: a gate shuts everybody out at once, and a block one source, until they are lifted") {
    World world({});
    world.service().accept = true;
    world.service().max_connections_hit = OverLimit::drop;
    world.service().max_connections_per_source = 1;
    world.service().max_connections_per_source_hit = OverLimit::drop;
    world.service().source_prefix_ipv4 = 24;
    Steering steering(world.rules.tables());
    Dispatcher& dispatcher = steering.dispatcher;
    CHECK(connect_from("127.1.0.1") == 0);
    REQUIRE(dispatcher.set_gate(0, true));
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    REQUIRE(dispatcher.set_gate(0, false));
    CHECK(connect_from("127.1.0.1") == 0);

    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.0/24").value(), true));
    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.0/24").value(), true)); // twice is once
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    CHECK(connect_from("127.1.0.255") == ECONNREFUSED);
    CHECK(connect_from("127.1.1.1") == 0);
    REQUIRE(dispatcher.publish(world.rules.tables())); // a reload lifts nothing
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.0/24").value(), false));
    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.0/24").value(), false));
    CHECK(connect_from("127.1.0.1") == 0);
    CHECK(steering.refused_by(DropReason::closed) == 1);
    CHECK(steering.refused_by(DropReason::blocked) == 3);
}

TEST_CASE("rates: there is no gate without tables that have limits") {
    Steering steering(World({}).rules.tables());
    CHECK_FALSE(steering.dispatcher.set_gate(0, true));
    CHECK_FALSE(steering.dispatcher.block(0, parse_prefix("127.1.0.1").value(), true));
    REQUIRE(steering.dispatcher.publish(World(seldom(1)).rules.tables()));
    CHECK(steering.dispatcher.set_gate(0, true));
    CHECK_FALSE(steering.dispatcher.set_gate(1, true)); // nobody's slot
}

TEST_CASE("rates: blocked prefixes are refused by the program, and counted for the listener") {
    World world({});
    Rule rule = world.rules.rules.rules[0];
    world.rules.rules.source_sets.push_back({parse_prefix("127.1.0.0/24").value()});
    rule.blocked = 1;
    world.rules.rules.rules = {};
    world.rules.rules.rules.push_back(rule);
    Steering steering(world.rules.tables());
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
    CHECK(connect_from("127.1.1.1") == 0);
    const SlotCounters counters = steering.dispatcher.counters(0);
    CHECK(counters.refused_by(DropReason::blocked) == 1);
    CHECK(counters.lookups == 2);
    Flow flow{Protocol::tcp, {parse_address("127.0.1.1").value(), 80}, {parse_address("127.1.0.1").value(), 1}, 0};
    const KernelDecision said = steering.dispatcher.test_run(flow).value();
    CHECK(said.verdict == Verdict::drop);
    CHECK(said.rule == RuleId{0});
}

TEST_CASE("rates: asking the program takes nothing out of a bucket") {
    Steering steering(World(seldom(2)).rules.tables());
    const Flow flow{Protocol::tcp, {parse_address("127.0.1.1").value(), 80}, {parse_address("127.1.0.1").value(), 1}, 0};
    for (int i = 0; i < 10; ++i) CHECK(steering.dispatcher.test_run(flow).value().verdict == Verdict::steer);
    CHECK(steering.count(3, "127.1.0.1") == 2);
    CHECK(steering.dispatcher.test_run(flow).value().verdict == Verdict::steer); // it says who wins, not who is let in
}

TEST_CASE("rates: whoever asks the kernel whom it would choose takes nothing out of a bucket, unless an interface is named") {
    Steering steering(World(seldom(2)).rules.tables());
    const NetNamespace ns = NetNamespace::current().value();
    LiveQuestion question{Protocol::tcp, {parse_address("127.0.1.1").value(), 80}, {parse_address("127.1.0.1").value(), 1}, 0};
    for (int i = 0; i < 10; ++i) {
        const auto found = look_up_live(question, ns);
        if (!found) FAIL(found.error().to_string());
        CHECK(found->has_value());
    }
    CHECK(connect_from("127.1.0.1") == 0);
    question.ifindex = 1;
    CHECK(look_up_live(question, ns).value().has_value());
    CHECK(connect_from("127.1.0.1") == ECONNREFUSED);
}

TEST_CASE("rates: when all buckets are taken the longest unseen source is forgotten, and everybody is served") {
    (void)test::Sandbox::instance();
    const LimitMaps limits = LimitMaps::create(512).value();
    const Asked program(World({}, seldom(1)).rules.tables(), limits);
    for (int i = 0; i < 5000; ++i) {
        const std::string from = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250);
        REQUIRE(program.lets_in(from.c_str()));
        REQUIRE_FALSE(program.lets_in(from.c_str()));
    }
    CHECK(program.lets_in("10.0.0.0")); // long forgotten
}

TEST_CASE("rates: a source for which there is no room is let in") {
    (void)test::Sandbox::instance();
    const LimitMaps limits = LimitMaps::create(1, SourceMap::keeps_all).value(); // an LRU map nearly always finds somebody to forget
    const Asked program(World({}, seldom(1)).rules.tables(), limits);
    CHECK(program.count(5, "203.0.113.7") == 1);
    CHECK(program.count(5, "203.0.113.8") == 5);
}

TEST_CASE("rates: the program counts who is let in for want of room, and the twin reports who is not let in, and why") {
    World world(seldom(4), seldom(2));
    world.service().accept = true;
    world.service().max_connections_hit = OverLimit::drop;
    world.service().max_connections_per_source = 1;
    world.service().max_connections_per_source_hit = OverLimit::drop;
    Steering steering(world.rules.tables());
    Dispatcher& dispatcher = steering.dispatcher;
    REQUIRE(dispatcher.trace(TraceWish{{kAllDecisions, 0}, {}}));
    (void)steering.count(3, "127.1.0.1"); // 2, and its source rate
    (void)steering.count(3, "127.1.0.2"); // 2, and its source rate
    (void)steering.count(1, "127.1.0.3"); // the rate of all
    REQUIRE(dispatcher.block(0, parse_prefix("127.1.0.4").value(), true));
    (void)steering.count(1, "127.1.0.4");
    REQUIRE(dispatcher.set_gate(0, true));
    (void)steering.count(1, "127.1.0.5");
    const TraceRead read = dispatcher.read_trace(100).value();
    std::vector<std::optional<DropReason>> expected{
        {}, {}, DropReason::source_rate, {}, {}, DropReason::source_rate, DropReason::rate, DropReason::blocked, DropReason::closed};
    REQUIRE(read.decisions.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(read.decisions[i].refusal == expected[i]);
        CHECK(read.decisions[i].error == 0);
        CHECK(read.decisions[i].verdict == (expected[i] ? Verdict::drop : Verdict::steer));
        CHECK(read.decisions[i].rule == RuleId{0});
    }
}
