#include "socket/netlink.h"

#include <libmnl/libmnl.h>
#include <sys/uio.h>

namespace swathe {
namespace {

constexpr std::size_t kBufferBytes = 32768; // the largest piece of a dump that the kernel makes (af_netlink.c, netlink_dump)

/// The errno in NLMSG_ERROR or NLMSG_DONE, positive; 0 = success. A short one carries none.
int errno_of(const nlmsghdr& message) {
    if (mnl_nlmsg_get_payload_len(&message) < sizeof(int)) return 0;
    return -*static_cast<const int*>(mnl_nlmsg_get_payload(&message));
}

} // namespace

void Netlink::Close::operator()(mnl_socket* socket) const noexcept { (void)mnl_socket_close(socket); }

Result<Netlink> Netlink::open(int protocol) {
    Netlink netlink;
    netlink.socket_.reset(mnl_socket_open2(protocol, SOCK_CLOEXEC));
    if (!netlink.socket_) return system_failure("netlink socket");
    if (mnl_socket_bind(netlink.socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0) return system_failure("bind netlink socket");
    netlink.buffer_.resize(kBufferBytes);
    return netlink;
}

void Netlink::ask_for_strict_dumps() {
    int on = 1;
    (void)mnl_socket_setsockopt(socket_.get(), NETLINK_GET_STRICT_CHK, &on, sizeof on);
}

Status Netlink::send(nlmsghdr& request) {
    request.nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_.get(), &request, request.nlmsg_len) < 0) return system_failure("netlink send");
    return {};
}

Result<std::size_t> Netlink::receive() {
    for (;;) {
        const ssize_t n = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return system_failure("netlink receive");
    }
}

/// True as soon as an answer is `wanted`; false when there are no more.
Result<bool> Netlink::read_until(const Wanted& wanted) {
    bool changed = false;
    for (;;) {
        auto size = receive();
        if (!size) return Failure(std::move(size).error());
        int left = static_cast<int>(*size);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_seq != sequence_) continue; // of an earlier request that was given up
            if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) changed = true;
            if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
                if (const int error = errno_of(*message); error != 0) return failure("netlink", error);
                if (changed) return failure("netlink: tables changed during the dump", EINTR);
                return false;
            }
            if (wanted(*message)) return true;
            if ((message->nlmsg_flags & NLM_F_MULTI) == 0) return false;
        }
    }
}

Status Netlink::read_answers(const Visit& visit) {
    auto read = read_until([&](const nlmsghdr& message) { return visit(message), false; });
    if (!read) return Failure(std::move(read).error());
    return {};
}

void for_each_attribute(const nlmsghdr& message, std::size_t body_bytes, const std::function<void(const nlattr&)>& visit) {
    const auto* at = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, body_bytes));
    const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
    for (; mnl_attr_ok(at, static_cast<int>(end - reinterpret_cast<const char*>(at))); at = mnl_attr_next(at)) visit(*at);
}

Status Netlink::dump(nlmsghdr& request, const Visit& visit) {
    request.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (auto sent = send(request); !sent) return sent;
    return read_answers(visit);
}

Result<bool> Netlink::find(nlmsghdr& request, const Wanted& wanted) {
    request.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    if (auto sent = send(request); !sent) return Failure(std::move(sent).error());
    return read_until(wanted);
}

Status Netlink::ask(nlmsghdr& request, const Visit& visit) {
    request.nlmsg_flags = NLM_F_REQUEST;
    if (auto sent = send(request); !sent) return sent;
    return read_answers(visit);
}

Result<std::vector<int>> Netlink::send_batch(const std::vector<nlmsghdr*>& requests) {
    std::vector<iovec> parts;
    parts.reserve(requests.size());
    const std::uint32_t first = sequence_ + 1;
    for (nlmsghdr* request : requests) {
        request->nlmsg_flags = static_cast<std::uint16_t>(request->nlmsg_flags | NLM_F_REQUEST | NLM_F_ACK);
        request->nlmsg_seq = ++sequence_;
        parts.push_back({request, MNL_ALIGN(request->nlmsg_len)});
    }
    msghdr whole{};
    whole.msg_iov = parts.data();
    whole.msg_iovlen = parts.size();
    if (::sendmsg(mnl_socket_get_fd(socket_.get()), &whole, 0) < 0) return system_failure("netlink send");

    std::vector<int> errors(requests.size(), 0);
    for (std::size_t missing = requests.size(); missing > 0;) {
        auto size = receive();
        if (!size) return Failure(std::move(size).error());
        int left = static_cast<int>(*size);
        const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data());
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            const std::uint32_t index = message->nlmsg_seq - first;
            if (message->nlmsg_type != NLMSG_ERROR || index >= errors.size()) continue;
            errors[index] = errno_of(*message);
            --missing;
        }
    }
    return errors;
}

} // namespace swathe
