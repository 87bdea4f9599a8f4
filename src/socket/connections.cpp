#include "socket/connections.h"

#include "socket/diag.h"
#include "socket/netlink.h"

#include <algorithm>
#include <cstring>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <optional>

#include <libmnl/libmnl.h>

namespace swathe {
namespace {

constexpr std::uint32_t kOpen = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT;
constexpr std::uint32_t kClosing = 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSING | 1U << TCP_LAST_ACK;

/// With the map whose values are to be in the answers.
struct TagRequest {
    DiagRequest diag;
    nlattr storages{};
    nlattr map{};
    std::uint32_t map_fd = 0;
};
static_assert(sizeof(TagRequest) == sizeof(DiagRequest) + 2 * sizeof(nlattr) + sizeof(std::uint32_t), "as it is sent");

TagRequest request_for(int family, int tags_fd) {
    TagRequest request;
    request.diag = diag_request(Protocol::tcp, family);
    request.diag.header.nlmsg_len = sizeof request;
    request.diag.body.idiag_states = kOpen | kClosing;
    request.storages = {sizeof(nlattr) * 2 + sizeof(std::uint32_t), INET_DIAG_REQ_SK_BPF_STORAGES | NLA_F_NESTED};
    request.map = {sizeof(nlattr) + sizeof(std::uint32_t), SK_DIAG_BPF_STORAGE_REQ_MAP_FD};
    request.map_fd = static_cast<std::uint32_t>(tags_fd);
    return request;
}

/// An attribute among those in `nest`. nullptr = none.
const nlattr* nested(const nlattr& nest, std::uint16_t type) {
    int left = mnl_attr_get_payload_len(&nest);
    for (const auto* at = static_cast<const nlattr*>(mnl_attr_get_payload(&nest)); mnl_attr_ok(at, left); at = mnl_attr_next(at)) {
        if (mnl_attr_get_type(at) == type) return at;
        left -= static_cast<int>(MNL_ALIGN(at->nla_len));
    }
    return nullptr;
}

std::optional<std::uint64_t> tag_of(const nlmsghdr& header) {
    std::optional<std::uint64_t> tag;
    for_each_attribute(header, sizeof(inet_diag_msg), [&](const nlattr& attribute) {
        if (mnl_attr_get_type(&attribute) != INET_DIAG_SK_BPF_STORAGES) return;
        const nlattr* storage = nested(attribute, SK_DIAG_BPF_STORAGE);
        const nlattr* value = storage == nullptr ? nullptr : nested(*storage, SK_DIAG_BPF_STORAGE_MAP_VALUE);
        if (value == nullptr || mnl_attr_get_payload_len(value) < sizeof(std::uint64_t)) return;
        std::memcpy(&tag.emplace(), mnl_attr_get_payload(value), sizeof(std::uint64_t));
    });
    return tag;
}

/// Does a process have it, or an accept queue (which has no inode either, but is not closing)?
bool is_in_hands(const inet_diag_msg& message) { return (1U << message.idiag_state & kOpen) != 0 || message.idiag_inode != 0; }

bool is_one_of(const nlmsghdr& header, std::span<const std::uint64_t> tags) {
    if (header.nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)) || !is_in_hands(diag_message(header))) return false;
    const auto tag = tag_of(header);
    return tag && std::find(tags.begin(), tags.end(), *tag) != tags.end();
}

Result<bool> search(int family, int tags_fd, std::span<const std::uint64_t> tags) {
    auto netlink = Netlink::open(NETLINK_SOCK_DIAG);
    if (!netlink) return Failure(std::move(netlink).error());
    TagRequest request = request_for(family, tags_fd);
    return netlink->find(request.diag.header, [&](const nlmsghdr& header) { return is_one_of(header, tags); });
}

} // namespace

Result<bool> has_connections(const NetNamespace& ns, int tags_fd, std::span<const std::uint64_t> tags) {
    bool found = false;
    auto done = ns.inside([&]() -> Status {
        for (const int family : {AF_INET, AF_INET6}) { // a dual-stack listener's IPv4 connections are AF_INET6, too
            auto hit = search(family, tags_fd, tags);
            if (!hit) return Failure(std::move(hit).error().within("list of connections"));
            if ((found = *hit)) return {};
        }
        return {};
    });
    if (!done) return Failure(std::move(done).error());
    return found;
}

} // namespace swathe
