#include "supervise/connection_facts.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

ConnectionEnds ip(const std::string& local, const std::string& remote, SocketKind kind = SocketKind::tcp) {
    ConnectionEnds ends;
    ends.kind = kind;
    ends.local = *parse_socket_address(local);
    ends.remote = *parse_socket_address(remote);
    ends.cookie = 4099;
    return ends;
}

ConnectionEnds local_user(pid_t pid, std::uint64_t pidfd_id, std::string path = {}) {
    ConnectionEnds ends;
    ends.kind = SocketKind::unix_stream;
    ends.cookie = 77;
    ends.pid = pid;
    ends.uid = 1000;
    ends.pidfd_id = pidfd_id;
    ends.path = std::move(path);
    return ends;
}

} // namespace

TEST_CASE("connection: its instance is called as under systemd 258") {
    CHECK(instance_name(ip("192.0.2.7:80", "203.0.113.9:5555"), 0) == "0-4099-192.0.2.7:80-203.0.113.9:5555");
    CHECK(instance_name(ip("[2001:db8::7]:80", "[2001:db8::9]:5555"), 12) == "12-4099-2001:db8::7:80-2001:db8::9:5555");
    CHECK(instance_name(local_user(123, 456), 3) == "3-77-123_456-1000");
    CHECK(instance_name(local_user(123, 0), 3) == "3-77-123-1000");
    CHECK(instance_name(local_user(0, 0), 3) == "3-77-unknown");
}

TEST_CASE("connection: its variables name both ends") {
    const auto v4 = ip("192.0.2.7:80", "203.0.113.9:5555");
    CHECK(connection_variables(v4, EnvironmentStyle::systemd, 1) ==
          Variables{{"REMOTE_ADDR", "203.0.113.9"},
                    {"REMOTE_PORT", "5555"},
                    {"LOCAL_ADDR", "192.0.2.7"},
                    {"LOCAL_PORT", "80"},
                    {"SO_COOKIE", "4099"}});
    CHECK(connection_variables(ip("[2001:db8::7]:80", "[2001:db8::9]:5555"), EnvironmentStyle::systemd, 1).front() ==
          Variables::value_type{"REMOTE_ADDR", "2001:db8::9"});
}

TEST_CASE("connection: the names of ucspi come on top") {
    const auto tcp = connection_variables(ip("192.0.2.7:80", "203.0.113.9:5555"), EnvironmentStyle::ucspi, 3);
    CHECK(Variables(tcp.begin() + 5, tcp.end()) == Variables{{"PROTO", "TCP"},
                                                             {"TCPREMOTEIP", "203.0.113.9"},
                                                             {"TCPREMOTEPORT", "5555"},
                                                             {"TCPLOCALIP", "192.0.2.7"},
                                                             {"TCPLOCALPORT", "80"},
                                                             {"TCPCONNNUM", "3"}});
    const auto udp = connection_variables(ip("192.0.2.7:80", "203.0.113.9:5555", SocketKind::udp), EnvironmentStyle::ucspi, 1);
    CHECK(udp[5] == Variables::value_type{"PROTO", "UDP"});
    CHECK(udp[6] == Variables::value_type{"UDPREMOTEIP", "203.0.113.9"});
}

TEST_CASE("connection: of a UNIX socket the address is a path, if it has one") {
    CHECK(connection_variables(local_user(1, 1, "/run/a"), EnvironmentStyle::systemd, 1) ==
          Variables{{"REMOTE_ADDR", "/run/a"}, {"SO_COOKIE", "77"}});
    CHECK(connection_variables(local_user(1, 1, "@a"), EnvironmentStyle::systemd, 1).front() == Variables::value_type{"REMOTE_ADDR", "@a"});
    CHECK(connection_variables(local_user(1, 1), EnvironmentStyle::systemd, 1) == Variables{{"SO_COOKIE", "77"}});
    CHECK(peer_of(local_user(1, 1)) == "uid 1000");
    CHECK(peer_of(local_user(1, 1, "@a")) == "@a");
    CHECK(peer_of(ip("192.0.2.7:80", "203.0.113.9:5555")) == "203.0.113.9:5555");
}
