#include "sandbox.h"

#include <arpa/inet.h>
#include <cstdlib>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

namespace swathe::test {
namespace {

void require(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string(what) + " (these tests need root)");
}

sockaddr_in ipv4(const char* address, std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    require(inet_pton(AF_INET, address, &out.sin_addr) == 1, address);
    return out;
}

UniqueFd bound(int type) {
    UniqueFd fd(socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const sockaddr_in any = ipv4("127.0.0.1", 0);
    require(bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0, "bind");
    return fd;
}

void set_loopback_up() {
    const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    require(ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0, "set lo up");
}

} // namespace

Sandbox& Sandbox::instance() {
    static Sandbox sandbox;
    return sandbox;
}

Sandbox::Sandbox() {
    require(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "unshare");
    require(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "make mounts private");
    char path[] = "/tmp/swathe-dispatch-test-XXXXXX";
    require(mkdtemp(path) != nullptr, "mkdtemp");
    bpffs_ = path;
    require(mount("bpf", path, "bpf", 0, "mode=0700") == 0, "mount bpf");
    set_loopback_up();
}

Sandbox::~Sandbox() {
    (void)umount2(bpffs_.c_str(), MNT_DETACH);
    (void)rmdir(bpffs_.c_str());
}

UniqueFd tcp_listener() {
    UniqueFd fd = bound(SOCK_STREAM);
    require(listen(fd.get(), 64) == 0, "listen");
    return fd;
}

UniqueFd udp_socket() { return bound(SOCK_DGRAM); }

UniqueFd connected_udp(const char* address, std::uint16_t port) {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = ipv4(address, port);
    require(connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "connect");
    return fd;
}

int tcp_connect_error(const char* address, std::uint16_t port) {
    const UniqueFd client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to = ipv4(address, port);
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

bool tcp_reaches(const char* address, std::uint16_t port, int listener) {
    if (tcp_connect_error(address, port) != 0) return false;
    pollfd wait{listener, POLLIN, 0};
    if (poll(&wait, 1, 1000) != 1) return false;
    sockaddr_in local{};
    socklen_t size = sizeof local;
    const UniqueFd accepted(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted || getsockname(accepted.get(), reinterpret_cast<sockaddr*>(&local), &size) != 0) return false;
    const sockaddr_in dialled = ipv4(address, port);
    return local.sin_addr.s_addr == dialled.sin_addr.s_addr && local.sin_port == dialled.sin_port;
}

} // namespace swathe::test
