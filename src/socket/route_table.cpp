#include "socket/route_table.h"

#include "socket/local_routes.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

namespace swathe {
namespace {

constexpr std::uint32_t kLoopbackIndex = 1; // LOOPBACK_IFINDEX, in every namespace

/// A request or change: fixed part, and room for destination and interface.
struct RouteMessage {
    nlmsghdr header{};
    rtmsg body{};
    char attributes[64]{};
};
static_assert(sizeof(RouteMessage) == NLMSG_LENGTH(sizeof(rtmsg)) + 64);

RouteMessage message_of(std::uint16_t type, Family family) {
    RouteMessage m;
    m.header.nlmsg_len = NLMSG_LENGTH(sizeof(rtmsg));
    m.header.nlmsg_type = type;
    m.body.rtm_family = family == Family::ipv4 ? AF_INET : AF_INET6;
    return m;
}

void put_destination(RouteMessage& m, const Prefix& prefix) {
    m.body.rtm_dst_len = prefix.length;
    std::uint8_t bytes[16];
    if (prefix.family() == Family::ipv4) {
        mnl_attr_put_u32(&m.header, RTA_DST, htonl(prefix.address.v4_bits()));
    } else {
        prefix.address.v6_bytes(bytes);
        mnl_attr_put(&m.header, RTA_DST, sizeof bytes, bytes);
    }
}

Address read_address(const nlattr& attribute, Family family) {
    const std::size_t size = mnl_attr_get_payload_len(&attribute);
    if (family == Family::ipv4) return size < 4 ? Address{} : Address::v4(ntohl(mnl_attr_get_u32(&attribute)));
    std::uint8_t bytes[16] = {};
    if (size >= sizeof bytes) std::memcpy(bytes, mnl_attr_get_payload(&attribute), sizeof bytes);
    return Address::from_v6_bytes(bytes);
}

Delivery delivery_of(std::uint8_t type) {
    if (type == RTN_LOCAL) return Delivery::local;
    return type == RTN_BROADCAST || type == RTN_ANYCAST ? Delivery::broadcast : Delivery::none;
}

/// The fixed part of a route of `family` and `table`, or nothing: older kernels do not filter dumps.
const rtmsg* route_in(const nlmsghdr& header, Family family, std::uint32_t table) {
    if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return nullptr;
    const auto* body = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&header));
    const bool cached = (body->rtm_flags & RTM_F_CLONED) != 0;
    return body->rtm_family == (family == Family::ipv4 ? AF_INET : AF_INET6) && body->rtm_table == table && !cached ? body : nullptr;
}

void append_route(const nlmsghdr& header, Family family, std::vector<LocalRoute>& out) {
    const rtmsg* body = route_in(header, family, RT_TABLE_LOCAL);
    if (body == nullptr || body->rtm_dst_len > width_of(family)) return;
    LocalRoute route{{Address::any(family), body->rtm_dst_len}, delivery_of(body->rtm_type), body->rtm_protocol, 0};
    for_each_attribute(header, sizeof(rtmsg), [&](const nlattr& attribute) {
        const int type = mnl_attr_get_type(&attribute);
        if (type == RTA_DST) route.destination = prefix_of(read_address(attribute, family), body->rtm_dst_len);
        if (type == RTA_PRIORITY && mnl_attr_get_payload_len(&attribute) >= 4) route.priority = mnl_attr_get_u32(&attribute);
    });
    out.push_back(route);
}

/// RTA_MULTIPATH is an array of rtnexthop, each followed by attributes of its own.
void append_multipath(const nlattr& attribute, Family family, std::vector<Address>& out) {
    auto left = static_cast<int>(mnl_attr_get_payload_len(&attribute));
    auto* hop = static_cast<rtnexthop*>(mnl_attr_get_payload(&attribute));
    for (; RTNH_OK(hop, left); left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len)), hop = RTNH_NEXT(hop)) {
        const auto* at = reinterpret_cast<const nlattr*>(RTNH_DATA(hop));
        const auto* end = reinterpret_cast<const char*>(hop) + hop->rtnh_len;
        for (; mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at))
            if (mnl_attr_get_type(at) == RTA_GATEWAY) out.push_back(read_address(*at, family));
    }
}

void append_gateways(const nlmsghdr& header, Family family, std::vector<Address>& out) {
    if (route_in(header, family, RT_TABLE_MAIN) == nullptr) return;
    for_each_attribute(header, sizeof(rtmsg), [&](const nlattr& attribute) {
        const int type = mnl_attr_get_type(&attribute);
        if (type == RTA_GATEWAY) out.push_back(read_address(attribute, family));
        if (type == RTA_MULTIPATH) append_multipath(attribute, family, out);
    });
}

/// One table of both families. A table without any route does not exist: ENOENT.
template <class T, class Parse> Result<std::vector<T>> read_table(Netlink& netlink, std::uint8_t table, const Parse& parse) {
    netlink.ask_for_strict_dumps();
    std::vector<T> all;
    for (const Family family : {Family::ipv4, Family::ipv6}) {
        RouteMessage request = message_of(RTM_GETROUTE, family);
        request.body.rtm_table = table;
        auto part = dump_all<T>(netlink, request.header, [&](const nlmsghdr& header, auto& out) { parse(header, family, out); });
        if (!part && part.error().errno_value != ENOENT) return Failure(std::move(part).error().within("list of routes"));
        if (part) all.insert(all.end(), part->begin(), part->end());
    }
    return all;
}

RouteMessage message_of(const RouteChange& change) {
    RouteMessage m = message_of(change.add ? RTM_NEWROUTE : RTM_DELROUTE, change.prefix.family());
    if (change.add) m.header.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
    m.body.rtm_table = RT_TABLE_LOCAL;
    m.body.rtm_protocol = kRouteProtocol;
    m.body.rtm_scope = change.prefix.family() == Family::ipv4 ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE; // as ip-route(8) does
    m.body.rtm_type = RTN_LOCAL;
    put_destination(m, change.prefix);
    mnl_attr_put_u32(&m.header, RTA_OIF, kLoopbackIndex);
    return m;
}

} // namespace

Status with_routes(const NetNamespace& ns, const std::function<Status(Netlink&)>& work) {
    return ns.inside([&]() -> Status {
        auto netlink = Netlink::open(NETLINK_ROUTE);
        if (!netlink) return Failure(std::move(netlink).error());
        return work(*netlink);
    });
}

Result<std::vector<LocalRoute>> read_local_table(Netlink& netlink) {
    return read_table<LocalRoute>(netlink, RT_TABLE_LOCAL, append_route);
}

Result<std::vector<Address>> read_gateways(Netlink& netlink) {
    auto gateways = read_table<Address>(netlink, RT_TABLE_MAIN, append_gateways);
    if (!gateways) return gateways;
    std::sort(gateways->begin(), gateways->end());
    gateways->erase(std::unique(gateways->begin(), gateways->end()), gateways->end());
    return gateways;
}

bool is_delivered(Netlink& netlink, const Address& destination) {
    RouteMessage request = message_of(RTM_GETROUTE, destination.family);
    put_destination(request, Prefix::host(destination));
    bool local = false;
    const auto answered = netlink.ask(request.header, [&](const nlmsghdr& header) {
        if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return;
        local = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&header))->rtm_type == RTN_LOCAL;
    });
    return answered && local;
}

Result<std::vector<int>> change_local_routes(Netlink& netlink, const std::vector<RouteChange>& changes) {
    std::vector<int> errors;
    for (std::size_t at = 0; at < changes.size(); at += Netlink::kLargestBatch) {
        const std::size_t end = std::min(changes.size(), at + Netlink::kLargestBatch);
        std::vector<RouteMessage> messages;
        messages.reserve(end - at);
        for (std::size_t i = at; i < end; ++i) messages.push_back(message_of(changes[i]));
        std::vector<nlmsghdr*> headers;
        headers.reserve(messages.size());
        for (RouteMessage& m : messages) headers.push_back(&m.header);
        auto done = netlink.send_batch(headers);
        if (!done) return done;
        errors.insert(errors.end(), done->begin(), done->end());
    }
    return errors;
}

} // namespace swathe
