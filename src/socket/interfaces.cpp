#include "socket/interfaces.h"

#include "socket/netlink.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <fmt/format.h>
#include <libmnl/libmnl.h>

namespace swathe {
namespace {

Address address_in(const nlattr& attribute, int family) {
    if (family == AF_INET) return Address::v4(ntohl(mnl_attr_get_u32(&attribute)));
    std::uint8_t bytes[16];
    std::memcpy(bytes, mnl_attr_get_payload(&attribute), sizeof bytes);
    return Address::from_v6_bytes(bytes);
}

/// IFA_LOCAL is this host's end of a point-to-point link, where IFA_ADDRESS is the other's; IPv6 mostly has IFA_ADDRESS alone.
void append_address(const nlmsghdr& header, std::vector<Address>& out) {
    if (header.nlmsg_type != RTM_NEWADDR || header.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) return;
    const int family = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(&header))->ifa_family;
    if (family != AF_INET && family != AF_INET6) return;
    const nlattr* found = nullptr;
    for_each_attribute(header, sizeof(ifaddrmsg), [&](const nlattr& attribute) {
        const int type = mnl_attr_get_type(&attribute);
        const bool complete = mnl_attr_get_payload_len(&attribute) >= (family == AF_INET ? 4 : 16);
        if (complete && (type == IFA_LOCAL || (type == IFA_ADDRESS && found == nullptr))) found = &attribute;
    });
    if (found != nullptr) out.push_back(address_in(*found, family));
}

struct AddressRequest {
    nlmsghdr header{};
    ifaddrmsg body{};
};

} // namespace

Result<std::vector<Address>> interface_addresses(const NetNamespace& ns) {
    std::vector<Address> addresses;
    auto done = ns.inside([&]() -> Status {
        auto netlink = Netlink::open(NETLINK_ROUTE);
        if (!netlink) return Failure(std::move(netlink).error());
        AddressRequest request;
        request.header.nlmsg_len = sizeof request;
        request.header.nlmsg_type = RTM_GETADDR;
        auto all = dump_all<Address>(*netlink, request.header, append_address);
        if (!all) return Failure(std::move(all).error().within("list of interface addresses"));
        addresses = std::move(*all);
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

Result<std::uint32_t> interface_index(const NetNamespace& ns, const std::string& name) {
    std::uint32_t index = 0;
    auto done = ns.inside([&]() -> Status {
        index = ::if_nametoindex(name.c_str());
        const bool absent = errno == ENODEV || errno == ENXIO || errno == EINVAL;
        if (index == 0 && !absent) return system_failure(fmt::format("index of interface {}", name));
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return index;
}

Result<std::string> interface_name(const NetNamespace& ns, std::uint32_t index) {
    char name[IF_NAMESIZE] = "";
    auto done = ns.inside([&]() -> Status {
        if (::if_indextoname(index, name) == nullptr && errno != ENXIO) return system_failure(fmt::format("name of interface {}", index));
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return std::string(name);
}

std::string interface_name(std::uint32_t index) {
    char name[IF_NAMESIZE];
    return ::if_indextoname(index, name) == nullptr ? std::string{} : std::string(name);
}

} // namespace swathe
