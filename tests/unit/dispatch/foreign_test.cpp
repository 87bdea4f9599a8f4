// Other people's programs in the namespace, before and after ours.

#include "dispatch/dispatcher.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "foreign.skel.h"

using namespace swathe;
using test::HandRules;

namespace {

constexpr std::uint16_t kPort = 80, kOtherPort = 81; // they mind the first one only
constexpr const char* kAddress = "127.0.1.1";

/// A program that does one thing with packets to kPort.
class Foreign {
public:
    enum What : std::uint32_t { pass, drop, select, replace };
    Foreign(What what, int socket) : skeleton_(foreign_bpf__open()) {
        skeleton_->rodata->what = what;
        skeleton_->rodata->port = kPort;
        REQUIRE(foreign_bpf__load(skeleton_) == 0);
        const std::uint32_t key = 0;
        const auto value = static_cast<std::uint64_t>(socket);
        REQUIRE(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.socket), &key, &value, BPF_ANY) == 0);
    }
    ~Foreign() { foreign_bpf__destroy(skeleton_); }
    Foreign(const Foreign&) = delete;
    Foreign& operator=(const Foreign&) = delete;

    /// Runs after all programs that are there already, as long as the link is open.
    [[nodiscard]] UniqueFd attach() const {
        const UniqueFd netns(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
        UniqueFd link(bpf_link_create(bpf_program__fd(skeleton_->progs.foreign), netns.get(), BPF_SK_LOOKUP, nullptr));
        REQUIRE(link.get() >= 0);
        return link;
    }

private:
    foreign_bpf* skeleton_;
};

/// One of each kind, all with the same socket.
struct Others {
    UniqueFd socket = test::tcp_listener();
    Foreign pass{Foreign::pass, socket.get()}, drop{Foreign::drop, socket.get()}, select{Foreign::select, socket.get()},
        replace{Foreign::replace, socket.get()};
    /// 0 = nobody
    [[nodiscard]] UniqueFd attach(std::size_t which) const {
        const Foreign* const all[] = {&pass, &drop, &select, &replace};
        return which == 0 ? UniqueFd() : all[which - 1]->attach();
    }
};

UniqueFd native_listener() {
    UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(kPort);
    REQUIRE(inet_pton(AF_INET, kAddress, &at.sin_addr) == 1);
    REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(fd.get(), 64) == 0);
    return fd;
}

Tables tables_with(std::optional<Verdict> verdict) {
    HandRules rules;
    const std::uint32_t listener = rules.listener(0);
    if (verdict) rules.add("127.0.1.0/24", PortRange::all(), {*verdict, {0, listener}});
    return rules.tables();
}

/// Whose the packet is.
enum Winner : char { us = 'u', before = 'b', after = 'a', native = 'n', refused = '-' };

} // namespace

/// include/linux/filter.h, BPF_PROG_SK_LOOKUP_RUN_ARRAY: all programs run, in the order in which they were attached. The last selection
/// of one that passes stands, whoever else drops; without any, one drop refuses; else the kernel looks for itself. A second selection
/// takes the flag BPF_SK_LOOKUP_F_REPLACE, which ours does not give.
TEST_CASE("dispatch: between other programs that pass, drop, select and replace, each has what the kernel's rules give it") {
    (void)test::Sandbox::instance();
    constexpr const char* kNames[] = {"none", "pass", "drop", "select", "replace"};
    struct Case { std::optional<Verdict> ours; const char* winners[5]; }; // rows: the one before ours; columns: the one after
    const Case cases[] = {
        {Verdict::steer, {"uuuua",
                          "uuuua",
                          "uuuua",
                          "bbbba",
                          "bbbba"}},
        {Verdict::drop, {"---aa",
                         "---aa",
                         "---aa",
                         "bbbba",
                         "bbbba"}},
        {Verdict::pass, {"nn-aa",
                         "nn-aa",
                         "---aa",
                         "bbbba",
                         "bbbba"}},
        {std::nullopt, {"nn-aa",
                        "nn-aa",
                        "---aa",
                        "bbbba",
                        "bbbba"}},
    };
    const UniqueFd own = test::tcp_listener(), bound = native_listener();
    const Others first, second;
    for (const Case& c : cases)
        for (std::size_t row = 0; row < 5; ++row)
            for (std::size_t column = 0; column < 5; ++column) {
                const char* verdict = c.ours ? to_string(*c.ours) : "no rule";
                const char* one = kNames[row];
                const char* other = kNames[column];
                CAPTURE(one);
                CAPTURE(verdict);
                CAPTURE(other);
                Dispatcher dispatcher = Dispatcher::create({}).value();
                REQUIRE(dispatcher.allocate_slot().value() == 0);
                REQUIRE(dispatcher.set_socket(0, own.get()).has_value());
                const Tables tables = tables_with(c.ours);
                const UniqueFd link_before = first.attach(row);
                REQUIRE(dispatcher.publish(tables).has_value());
                const UniqueFd link_after = second.attach(column);

                for (int reload = 0; reload < 2; ++reload) { // which keeps our place
                    CAPTURE(reload);
                    const char winner = c.winners[row][column];
                    if (winner == us) CHECK(test::tcp_reaches(kAddress, kPort, own.get()));
                    if (winner == before) CHECK(test::tcp_reaches(kAddress, kPort, first.socket.get()));
                    if (winner == after) CHECK(test::tcp_reaches(kAddress, kPort, second.socket.get()));
                    if (winner == native) CHECK(test::tcp_reaches(kAddress, kPort, bound.get()));
                    if (winner == refused) CHECK(test::tcp_connect_error(kAddress, kPort) == ECONNREFUSED);
                    if (c.ours == Verdict::steer) CHECK(test::tcp_reaches(kAddress, kOtherPort, own.get())); // not theirs
                    if (reload == 0) REQUIRE(dispatcher.publish(tables).has_value());
                }
                const bool too_late = c.ours == Verdict::steer && row >= 3;
                CHECK(dispatcher.counters(0).assign_errors == (too_late ? 2 : 0));
                CHECK(dispatcher.counters(0).last_errno == (too_late ? EEXIST : 0));

                const auto programs = dispatcher.programs();
                REQUIRE(programs.has_value());
                REQUIRE(programs->size() == 1U + (row != 0 ? 1 : 0) + (column != 0 ? 1 : 0));
                for (std::size_t i = 0; i < programs->size(); ++i) {
                    const bool ours = i == (row != 0 ? 1 : 0);
                    CHECK((*programs)[i].ours == ours);
                    CHECK((*programs)[i].name == (ours ? "swathe_dispatch" : "foreign"));
                }
            }
}

TEST_CASE("dispatch: where 64 programs are attached already ours is refused with the limit's name, and attached once there is room") {
    (void)test::Sandbox::instance();
    const UniqueFd own = test::tcp_listener();
    const Others others;
    std::vector<UniqueFd> links;
    for (int i = 0; i < 64; ++i) links.push_back(others.pass.attach());
    Dispatcher dispatcher = Dispatcher::create({}).value();
    REQUIRE(dispatcher.allocate_slot().value() == 0);
    REQUIRE(dispatcher.set_socket(0, own.get()).has_value());
    const auto refused = dispatcher.publish(tables_with(Verdict::steer));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find("64 sk_lookup programs") != std::string::npos);
    CHECK(refused.error().message.find("bpftool") != std::string::npos); // how to find who they are
    CHECK(dispatcher.generation() == 0);
    links.pop_back();
    REQUIRE(dispatcher.publish(tables_with(Verdict::steer)).has_value());
    CHECK(test::tcp_reaches(kAddress, kOtherPort, own.get()));
    for (int i = 0; i < 3; ++i) CHECK(dispatcher.publish(tables_with(Verdict::steer)).has_value()); // takes no second place
    CHECK(dispatcher.programs().value().size() == 64);
}
