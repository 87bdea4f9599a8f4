#include "control/access.h"

#include <algorithm>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

using namespace swathe;

TEST_CASE("access: root and the daemon's user act, the group looks, others do nothing") {
    constexpr uid_t kOwn = 500;
    constexpr gid_t kGroup = 600;
    struct Case {
        const char* who;
        Peer peer;
        std::optional<gid_t> group;
        Access expected;
    };
    const Case cases[] = {
        {"root", {0, {0}}, kGroup, Access::act},
        {"root without a group", {0, {}}, std::nullopt, Access::act},
        {"the daemon's user", {kOwn, {kOwn}}, kGroup, Access::act},
        {"member by the primary group", {1000, {kGroup}}, kGroup, Access::look},
        {"member by a supplementary group", {1000, {1000, 27, kGroup}}, kGroup, Access::look},
        {"stranger", {1000, {1000, 27}}, kGroup, Access::none},
        {"member of root's group, which means nothing", {1000, {0}}, kGroup, Access::none},
        {"member where there is no group to be a member of", {1000, {kGroup}}, std::nullopt, Access::none},
        {"root's group is the control group", {1000, {0}}, gid_t{0}, Access::look},
        {"the overflow user", {65534, {65534}}, kGroup, Access::none},
    };
    for (const Case& c : cases) {
        CAPTURE(c.who);
        CHECK(access_of(c.peer, kOwn, c.group) == c.expected);
    }
}

TEST_CASE("access: who looks cannot use up the room of who acts") {
    CHECK(has_room({kMaxConnections - 1, 0, 0}, Access::act));
    CHECK_FALSE(has_room({kMaxConnections, 0, 0}, Access::act));
    CHECK(has_room({kMaxLookers - 1, kMaxLookers - 1, 0}, Access::look));
    CHECK_FALSE(has_room({kMaxLookers, kMaxLookers, 0}, Access::look));
    CHECK(has_room({kMaxLookers, kMaxLookers, 0}, Access::act));
    CHECK(has_room({20, 20, kMaxLookersPerUser - 1}, Access::look));
    CHECK_FALSE(has_room({20, 20, kMaxLookersPerUser}, Access::look));
    CHECK_FALSE(has_room({}, Access::none));
    static_assert(kMaxLookers < kMaxConnections);
}

TEST_CASE("access: the kernel names the peer of a socket") {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    const auto peer = peer_of(ends[0]);
    REQUIRE(peer);
    CHECK(peer->uid == ::geteuid());
    CHECK(std::find(peer->groups.begin(), peer->groups.end(), ::getegid()) != peer->groups.end());
    (void)::close(ends[0]);
    (void)::close(ends[1]);
    CHECK_FALSE(peer_of(-1));
}

TEST_CASE("access: groups are found by name, and none is no error") {
    CHECK(find_group("root").value() == gid_t{0});
    CHECK_FALSE(find_group("no-such-group-here").value());
    CHECK_FALSE(find_group("").value());
}
