#include "socket/options.h"

#include <algorithm>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace swathe {
namespace {

// asm-generic/socket.h has them, but of a newer kernel than Debian 12's headers
constexpr int kPassPidfd = 76;
constexpr int kPassRights = 83;
constexpr int kReceiveBufferForce = 33;
constexpr int kSendBufferForce = 32;

/// One setsockopt(2).
struct Call {
    int level;
    int name;
    const char* text;
    int value = 0;
    std::string word = {}; ///< where the value is one

    [[nodiscard]] bool is_same_option(const Call& other) const noexcept { return level == other.level && name == other.name; }
    [[nodiscard]] bool is_buffer() const noexcept { return level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF); }
};

int whole_seconds(Duration span) { return static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(span).count()); }

/// What the options of a listener come to for a socket of its kind.
class Calls {
public:
    Calls(const Listener& listener, Families families) : o_(listener) {
        if (listener.is_unix()) {
            add_unix();
        } else {
            if (listener.protocol == Protocol::tcp) add_tcp();
            if (listener.protocol == Protocol::udp) flag(o_.broadcast, SOL_SOCKET, SO_BROADCAST, "SO_BROADCAST");
            add_ip();
            if (families.ipv4) add_ipv4();
            if (families.ipv6) add_ipv6();
        }
        add_common();
    }
    [[nodiscard]] const std::vector<Call>& all() const noexcept { return all_; }

private:
    void set(int level, int name, const char* text, int value) { all_.push_back({level, name, text, value}); }
    void set(int level, int name, const char* text, const std::string& word) {
        if (!word.empty()) all_.push_back({level, name, text, 0, word});
    }
    template <class T> void set(int level, int name, const char* text, const std::optional<T>& value) {
        if (value) set(level, name, text, static_cast<int>(*value));
    }
    void set(int level, int name, const char* text, const std::optional<Duration>& span) {
        if (span) set(level, name, text, whole_seconds(*span));
    }
    void flag(bool on, int level, int name, const char* text) {
        if (on) set(level, name, text, 1);
    }

    void add_common() {
        set(SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF", o_.receive_buffer);
        set(SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF", o_.send_buffer);
        switch (o_.timestamping) {
        case Timestamping::off: break;
        case Timestamping::us: set(SOL_SOCKET, SO_TIMESTAMP, "SO_TIMESTAMP", 1); break;
        case Timestamping::ns: set(SOL_SOCKET, SO_TIMESTAMPNS, "SO_TIMESTAMPNS", 1); break;
        }
    }
    void add_unix() {
        flag(o_.pass_credentials, SOL_SOCKET, SO_PASSCRED, "SO_PASSCRED");
        flag(o_.pass_pidfd, SOL_SOCKET, kPassPidfd, "SO_PASSPIDFD");
        flag(o_.pass_security, SOL_SOCKET, SO_PASSSEC, "SO_PASSSEC");
        if (!o_.accept_file_descriptors) set(SOL_SOCKET, kPassRights, "SO_PASSRIGHTS", 0);
    }
    void add_tcp() {
        flag(o_.keep_alive, SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE");
        set(IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE", o_.keep_alive_time_sec);
        set(IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL", o_.keep_alive_interval_sec);
        set(IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT", o_.keep_alive_probes);
        flag(o_.no_delay, IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY");
        set(IPPROTO_TCP, TCP_CONGESTION, "TCP_CONGESTION", o_.tcp_congestion);
        set(IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT", o_.defer_accept_sec);
    }
    void add_ip() {
        flag(o_.reuse_port, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT");
        set(SOL_SOCKET, SO_MARK, "SO_MARK", o_.mark);
        set(SOL_SOCKET, SO_BINDTODEVICE, "SO_BINDTODEVICE", o_.bind_to_device);
    }
    void add_ipv4() {
        set(IPPROTO_IP, IP_TOS, "IP_TOS", o_.ip_tos);
        set(IPPROTO_IP, IP_TTL, "IP_TTL", o_.ip_ttl);
        flag(o_.transparent, IPPROTO_IP, IP_TRANSPARENT, "IP_TRANSPARENT");
        set(SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY", o_.priority); // behind IP_TOS, which sets it, too (ip_sockglue.c)
    }
    void add_ipv6() {
        set(IPPROTO_IPV6, IPV6_TCLASS, "IPV6_TCLASS", o_.ip_tos);
        set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, "IPV6_UNICAST_HOPS", o_.ip_ttl);
        flag(o_.transparent, IPPROTO_IPV6, IPV6_TRANSPARENT, "IPV6_TRANSPARENT");
        set(SOL_SOCKET, SO_PRIORITY, "SO_PRIORITY", o_.priority);
    }

    const SocketOptions& o_;
    std::vector<Call> all_;
};

Status make(int fd, const Call& call) {
    const auto set = [&](int name) {
        const void* const value = call.word.empty() ? static_cast<const void*>(&call.value) : call.word.data();
        const std::size_t size = call.word.empty() ? sizeof call.value : call.word.size();
        return ::setsockopt(fd, call.level, name, value, static_cast<socklen_t>(size)) == 0;
    };
    // EPERM: within the limits, then
    if (call.is_buffer() && set(call.name == SO_RCVBUF ? kReceiveBufferForce : kSendBufferForce)) return {};
    if (!set(call.name)) return system_failure(call.text);
    return {};
}

/// Gives an option the value that it has on `other`.
Status copy_value(int fd, int other, const Call& call) {
    char value[64];
    socklen_t size = sizeof value;
    if (::getsockopt(other, call.level, call.name, value, &size) < 0) return system_failure(call.text);
    if (::setsockopt(fd, call.level, call.name, value, size) < 0) return system_failure(call.text);
    return {};
}

const Call* find(const std::vector<Call>& calls, const Call& option) {
    const auto found = std::find_if(calls.begin(), calls.end(), [&](const Call& call) { return call.is_same_option(option); });
    return found == calls.end() ? nullptr : &*found;
}

} // namespace

Result<UniqueFd> new_socket(const Listener& listener, Families families) {
    const int domain = listener.is_unix() ? AF_UNIX : families.ipv6 ? AF_INET6 : AF_INET;
    const int type = listener.kind() == SocketKind::unix_seqpacket ? SOCK_SEQPACKET
                     : listener.protocol == Protocol::tcp          ? SOCK_STREAM
                                                                   : SOCK_DGRAM;
    UniqueFd fd{::socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return system_failure("socket");
    return fd;
}

Status set_options(int fd, const Listener& listener, Families families) {
    const Calls calls(listener, families);
    for (const Call& call : calls.all())
        if (auto made = make(fd, call); !made) return made;
    return {};
}

Status change_options(int fd, const Listener& before, const Listener& next, Families families, const NetNamespace& ns) {
    const Calls old(before, families), wanted(next, families);
    UniqueFd fresh;
    auto opened = ns.inside([&]() -> Status {
        auto socket = new_socket(next, families);
        if (!socket) return Failure(std::move(socket).error());
        fresh = std::move(*socket);
        return {};
    });
    if (!opened) return opened;
    for (const Call& call : old.all())
        if (find(wanted.all(), call) == nullptr && !call.is_buffer())
            if (auto copied = copy_value(fd, fresh.get(), call); !copied) return copied;
    for (const Call& call : wanted.all())
        if (auto made = make(fd, call); !made) return made; // those that are the same, too: one may have undone another
    return {};
}

Status try_options(const Listener& listener, Families families, const NetNamespace& ns) {
    return ns.inside([&]() -> Status {
        auto socket = new_socket(listener, families);
        if (!socket) return Failure(std::move(socket).error());
        return set_options(socket->get(), listener, families);
    });
}

} // namespace swathe
