#include "socket/flow_inbox.h"

#include <set>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

UdpFlow flow(std::uint16_t client_port, const char* asked = "192.0.2.7:5000") {
    return {{parse_address("203.0.113.2").value(), client_port}, parse_socket_address(asked).value()};
}

} // namespace

TEST_CASE("flow inbox: each flow's datagrams keep their order, and the flow that has waited longest is next") {
    FlowInbox inbox;
    CHECK(inbox.empty());
    CHECK_FALSE(inbox.next());
    inbox.put({flow(1), {1}});
    inbox.put({flow(2), {2}});
    inbox.put({flow(1), {3}});
    CHECK(inbox.flows() == 2);
    CHECK(inbox.next() == flow(1));
    CHECK(inbox.take(flow(1)) == Payloads{{1}, {3}});
    CHECK(inbox.take(flow(1)).empty());
    CHECK(inbox.next() == flow(2));
    inbox.put({flow(1), {4}}); // it has come back, behind the other one
    CHECK(inbox.next() == flow(2));
    CHECK(inbox.take(flow(2)) == Payloads{{2}});
    CHECK(inbox.next() == flow(1));
    CHECK(inbox.take(flow(1)) == Payloads{{4}});
    CHECK_FALSE(inbox.next());
    CHECK(inbox.empty());
}

TEST_CASE("flow inbox: what is put back comes before what has come since") {
    FlowInbox inbox;
    inbox.put({flow(1), {3}});
    inbox.put_back(flow(1), {{1}, {2}});
    CHECK(inbox.take(flow(1)) == Payloads{{1}, {2}, {3}});
    CHECK_FALSE(inbox.next());
    inbox.put_back(flow(1), {});
    CHECK(inbox.empty());
    inbox.put_back(flow(2), {{1}});
    CHECK(inbox.next() == flow(2));
    CHECK(inbox.take(flow(2)) == Payloads{{1}});
}

TEST_CASE("flow inbox: client, asked address, asked port and zone each make another flow") {
    UdpFlow zoned = flow(1);
    zoned.zone = 3;
    const std::set<UdpFlow> different{flow(1), flow(2), flow(1, "192.0.2.8:5000"), flow(1, "192.0.2.7:5001"), zoned};
    CHECK(different.size() == 5);
    FlowInbox inbox;
    for (const UdpFlow& one : different) inbox.put({one, {7}});
    CHECK(inbox.flows() == 5);
}

TEST_CASE("flow inbox: a full one throws away what comes, counts it, and has room again when something is taken") {
    FlowInbox inbox;
    const Payload large(kLargestPayload);
    const std::size_t each = large.size() + FlowInbox::kOverhead_bytes;
    const std::size_t fit = FlowInbox::kRoom_bytes / each;
    for (std::size_t i = 0; i < fit; ++i) inbox.put({flow(1), large});
    CHECK(inbox.take_losses().unfit == 0);
    inbox.put({flow(2), large});
    CHECK(inbox.take_losses().unfit == 1);
    CHECK(inbox.flows() == 1);
    CHECK(inbox.datagrams() == fit);
    CHECK(inbox.take(flow(1)).size() == fit);
    inbox.put({flow(2), large});
    CHECK(inbox.take_losses().unfit == 0);
    CHECK(inbox.datagrams() == 1);
    CHECK(inbox.take(flow(2)).size() == 1);
}

TEST_CASE("flow inbox: empty datagrams are bounded, too") {
    FlowInbox inbox;
    const std::size_t fit = FlowInbox::kRoom_bytes / FlowInbox::kOverhead_bytes;
    for (std::size_t i = 0; i < fit + 5; ++i) inbox.put({flow(1), {}});
    CHECK(inbox.take_losses().unfit == 5);
}
