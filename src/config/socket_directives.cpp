#include "config/directive_tables.h"

#include "config/setters.h"
#include "config/socket_values.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr std::array kTable{
    Directive{listen, "path", "", "", T::path, replace, "none", "Path or abstract name of a UNIX socket", kNoWords,
              into<&Listener::path, read_unix_path>},
    Directive{listen, "socket_mode", "Socket", "SocketMode", T::octal, replace, "0666", "Access mode of a UNIX socket's file", kNoWords,
              into<&Listener::socket_mode, read_node_mode>},
    Directive{listen, "socket_user", "Socket", "SocketUser", T::account, replace, "the daemon's", "Owner of a UNIX socket's file", kNoWords,
              into<&Listener::socket_user, read_placed_account>},
    Directive{listen, "socket_group", "Socket", "SocketGroup", T::account, replace, "that of socket_user; else the daemon's",
              "Group of a UNIX socket's file", kNoWords, into<&Listener::socket_group, read_placed_account>},
    Directive{listen, "directory_mode", "Socket", "DirectoryMode", T::octal, replace, "0755",
              "Access mode of directories that are made for a UNIX socket", kNoWords, into<&Listener::directory_mode, read_node_mode>},
    Directive{listen, "remove_on_stop", "Socket", "RemoveOnStop", T::boolean, replace, "false",
              "Removes a UNIX socket's file with the socket", kNoWords, into<&Listener::remove_on_stop, read_boolean>},
    Directive{listen, "symlinks", "Socket", "Symlinks", T::paths, add, "none", "Symbolic links to a UNIX socket", kNoWords,
              into<&Listener::symlinks, read_symlinks>},
    Directive{listen, "pass_credentials", "Socket", "PassCredentials", T::boolean, replace, "false",
              "A UNIX socket tells who has sent something", kNoWords, into<&Listener::pass_credentials, read_boolean>},
    Directive{listen, "pass_pidfd", "Socket", "PassPIDFD", T::boolean, replace, "false",
              "A UNIX socket hands out descriptors of the processes that have sent something", kNoWords,
              into<&Listener::pass_pidfd, read_boolean>},
    Directive{listen, "pass_security", "Socket", "PassSecurity", T::boolean, replace, "false",
              "A UNIX socket tells the security context of who has sent something", kNoWords, into<&Listener::pass_security, read_boolean>},
    Directive{listen, "accept_file_descriptors", "Socket", "AcceptFileDescriptors", T::boolean, replace, "true",
              "A UNIX socket takes file descriptors", kNoWords, into<&Listener::accept_file_descriptors, read_boolean>},

    Directive{listen, "flush_pending", "Socket", "FlushPending", T::boolean, replace, "false",
              "Who waits when the service has ended is sent away", kNoWords, into<&Listener::flush_pending, read_boolean>},
    Directive{listen, "keep_alive", "Socket", "KeepAlive", T::boolean, replace, "false", "Looks whether idle peers are still there",
              kNoWords, into<&Listener::keep_alive, read_boolean>},
    Directive{listen, "keep_alive_time_sec", "Socket", "KeepAliveTimeSec", T::time_span, replace, "net.ipv4.tcp_keepalive_time",
              "How long a connection is idle before its peer is asked", kNoWords,
              into<&Listener::keep_alive_time_sec, read_keep_alive_span>},
    Directive{listen, "keep_alive_interval_sec", "Socket", "KeepAliveIntervalSec", T::time_span, replace, "net.ipv4.tcp_keepalive_intvl",
              "Time between two questions", kNoWords, into<&Listener::keep_alive_interval_sec, read_keep_alive_span>},
    Directive{listen, "keep_alive_probes", "Socket", "KeepAliveProbes", T::count, replace, "net.ipv4.tcp_keepalive_probes",
              "Questions without an answer that end a connection", kNoWords, into<&Listener::keep_alive_probes, read_keep_alive_probes>},
    Directive{listen, "no_delay", "Socket", "NoDelay", T::boolean, replace, "false", "Small segments are sent at once", kNoWords,
              into<&Listener::no_delay, read_boolean>},
    Directive{listen, "tcp_congestion", "Socket", "TCPCongestion", T::name, replace, "net.ipv4.tcp_congestion_control",
              "Congestion control algorithm", kNoWords, into<&Listener::tcp_congestion, read_congestion>},
    Directive{listen, "defer_accept_sec", "Socket", "DeferAcceptSec", T::time_span, replace, "none",
              "How long a connection waits for its first data before it counts", kNoWords,
              into<&Listener::defer_accept_sec, read_defer_accept>},
    Directive{listen, "priority", "Socket", "Priority", T::count, replace, "the kernel's", "Priority of what is sent", kNoWords,
              into<&Listener::priority, read_priority>},
    Directive{listen, "receive_buffer", "Socket", "ReceiveBuffer", T::size, replace, "the kernel's", "Size of the receive buffer", kNoWords,
              into<&Listener::receive_buffer, read_buffer>},
    Directive{listen, "send_buffer", "Socket", "SendBuffer", T::size, replace, "the kernel's", "Size of the send buffer", kNoWords,
              into<&Listener::send_buffer, read_buffer>},
    Directive{listen, "ip_tos", "Socket", "IPTOS", T::count, replace, "the kernel's", "Type of service, or traffic class, of what is sent",
              kNoWords, into<&Listener::ip_tos, read_ip_tos>},
    Directive{listen, "ip_ttl", "Socket", "IPTTL", T::count, replace, "the kernel's", "Time to live, or hop limit, of what is sent",
              kNoWords, into<&Listener::ip_ttl, read_ip_ttl>},
    Directive{listen, "mark", "Socket", "Mark", T::count, replace, "the kernel's", "Firewall mark of what is sent", kNoWords,
              into<&Listener::mark, read_mark>},
    Directive{listen, "transparent", "Socket", "Transparent", T::boolean, replace, "false", "The socket may answer from any address",
              kNoWords, into<&Listener::transparent, read_boolean>},
    Directive{listen, "broadcast", "Socket", "Broadcast", T::boolean, replace, "false", "The socket may send to broadcast addresses",
              kNoWords, into<&Listener::broadcast, read_boolean>},
    Directive{listen, "timestamping", "Socket", "Timestamping", T::choice, replace, "off", "Stamps what is received with its time",
              words_of<Timestamping>, into<&Listener::timestamping, read_timestamping>},
    Directive{listen, "bind_to_device", "Socket", "BindToDevice", T::name, replace, "none", "The only interface that the socket uses",
              kNoWords, into<&Listener::bind_to_device, read_device>},
    Directive{listen, "reuse_port", "Socket", "ReusePort", T::boolean, replace, "false",
              "The service may open more sockets beside this one", kNoWords, into<&Listener::reuse_port, read_boolean>},
};

} // namespace

std::span<const Directive> socket_directives() { return kTable; }

} // namespace swathe
