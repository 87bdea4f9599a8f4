#include "socket/group.h"

#include <algorithm>
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

Status Group::grow(const Listener& listener, const NetNamespace& ns, std::size_t members, Admission admission) {
    if (auto joined = join(front().fd.get()); !joined) return joined;
    std::vector<BoundSocket> more;
    while (size() + more.size() < members) {
        auto member = open_beside(listener, front(), ns, admission);
        if (!member) return Failure(std::move(member).error());
        more.push_back(std::move(*member));
    }
    for (BoundSocket& member : more) {
        places_.push_back(size());
        members_.push_back(std::move(member));
    }
    return {};
}

Status Group::spread_over(std::span<const std::size_t> members) const {
    const int fd = front().fd.get();
    if (members.empty()) return spread_over_all(fd);
    const auto protocol = protocol_of(fd);
    if (!protocol) return Failure(protocol.error());
    std::vector<std::size_t> places;
    for (std::size_t place = 0; place < places_.size(); ++place)
        if (std::find(members.begin(), members.end(), places_[place]) != members.end()) places.push_back(place);
    std::vector<sock_filter> steps = chooser(places, *protocol);
    const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
        return system_failure("SO_ATTACH_REUSEPORT_CBPF");
    return {};
}

Status Group::close_last(int migration) {
    const int fd = members_.back().fd.get();
    const bool migrates = ::setsockopt(front().fd.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &migration, sizeof migration) == 0;
    const Status outcome = migrates ? Status{} : Status(system_failure("SO_ATTACH_REUSEPORT_EBPF"));
    (void)::shutdown(fd, SHUT_RDWR); // TCP: now, even if somebody has inherited it; ENOTCONN of UDP
    leave_place(size() - 1);
    members_.pop_back();
    return outcome;
}

/// The kernel fills the gap with its last one (sock_reuseport.c, __reuseport_detach_sock).
void Group::leave_place(std::size_t member) {
    *std::find(places_.begin(), places_.end(), member) = places_.back();
    places_.pop_back();
}

void Group::listens_again(std::size_t member) {
    leave_place(member);
    places_.push_back(member);
}

void Group::close() {
    members_.resize(1);
    members_.front().fd.reset();
    members_.front().node.reset();
    places_ = {0};
}

} // namespace swathe
