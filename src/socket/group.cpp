#include "socket/group.h"

#include <cerrno>
#include <linux/filter.h>
#include <sys/socket.h>

namespace swathe {
namespace {

Status join(int fd) {
    const int on = 1;
    if (::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0) return system_failure("SO_REUSEPORT");
    return {};
}

/// The program that the group asks for a place (socket(7), SO_ATTACH_REUSEPORT_CBPF): one of `places` by a number that is drawn, or the
/// packet's hash, so that the datagrams of one flow stay together.
std::vector<sock_filter> chooser(std::span<const std::size_t> places, Protocol protocol) {
    const auto number = static_cast<std::uint32_t>(SKF_AD_OFF + (protocol == Protocol::tcp ? SKF_AD_RANDOM : SKF_AD_RXHASH));
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
                                     BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, static_cast<std::uint32_t>(places.size()))};
    for (std::uint32_t i = 0; i + 1 < places.size(); ++i) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, i, 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(places[i])));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, static_cast<std::uint32_t>(places.back())));
    return program;
}

Result<Protocol> protocol_of(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return system_failure("SO_TYPE");
    return type == SOCK_STREAM ? Protocol::tcp : Protocol::udp;
}

Status spread_over_all(int fd) {
    const int unused = 0;
    if (::setsockopt(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused) < 0 && errno != ENOENT)
        return system_failure("SO_DETACH_REUSEPORT_BPF");
    return {};
}

} // namespace

Status grow(Group& group, const Listener& listener, const NetNamespace& ns, std::size_t members, Admission admission) {
    if (auto joined = join(group.front().fd.get()); !joined) return joined;
    Group more;
    while (group.size() + more.size() < members) {
        auto member = open_beside(listener, group.front(), ns, admission);
        if (!member) return Failure(std::move(member).error());
        more.push_back(std::move(*member));
    }
    for (BoundSocket& member : more) group.push_back(std::move(member));
    return {};
}

Status spread_over(const Group& group, std::span<const std::size_t> places) {
    const int fd = group.front().fd.get();
    if (places.empty() || places.size() == group.size()) return spread_over_all(fd);
    const auto protocol = protocol_of(fd);
    if (!protocol) return Failure(protocol.error());
    std::vector<sock_filter> steps = chooser(places, *protocol);
    const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
        return system_failure("SO_ATTACH_REUSEPORT_CBPF");
    return {};
}

void close_member(Group& group, std::size_t place) {
    if (place + 1 != group.size()) std::swap(group[place], group.back());
    group.pop_back();
}

} // namespace swathe
