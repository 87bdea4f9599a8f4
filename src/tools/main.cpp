// swathe-echo, and under other names swathe-discard, swathe-chargen, swathe-daytime and swathe-time. swathe-echo(8).

#include "tools/server.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <getopt.h>
#include <optional>
#include <sys/stat.h>
#include <unistd.h>

using namespace swathe::tools;

namespace {

constexpr int kFailure = 1, kUsage = 2;
constexpr unsigned kIdle = 60, kLongestIdle = 1'000'000; // seconds
bool heard = true; // standard error is nobody's connection

/// inetd makes the client's socket standard error, too.
bool is_socket_of(int fd, const Inherited& sockets) noexcept {
    struct stat given {}, other {};
    if (::fstat(fd, &given) < 0) return false;
    for (int i = 0; i < sockets.count; ++i)
        if (::fstat(sockets.first + i, &other) == 0 && other.st_dev == given.st_dev && other.st_ino == given.st_ino) return true;
    return false;
}

void complain(const char* what, int error) {
    if (heard) (void)std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(error));
}

[[noreturn]] void say_usage(std::FILE* to, int status) {
    (void)std::fprintf(to,
                       "usage: %s [--idle SECONDS]\n"
                       "Serves the sockets of LISTEN_FDS, or the one that is standard input. By its name it is\n"
                       "swathe-echo, swathe-discard, swathe-chargen, swathe-daytime or swathe-time. See swathe-echo(8).\n",
                       program_invocation_short_name);
    std::exit(status);
}

std::optional<unsigned> seconds(const char* text) noexcept {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value > kLongestIdle) return std::nullopt;
    return static_cast<unsigned>(value);
}

unsigned read_idle(int argc, char** argv) {
    static const option kOptions[] = {
        {"idle", required_argument, nullptr, 'i'}, {"help", no_argument, nullptr, 'h'}, {"version", no_argument, nullptr, 'v'}, {}};
    unsigned idle = kIdle;
    for (int letter; (letter = ::getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) switch (letter) {
        case 'i':
            if (const auto given = seconds(optarg))
                idle = *given;
            else
                say_usage(stderr, kUsage);
            break;
        case 'h': say_usage(stdout, 0);
        case 'v': std::puts(SWATHE_VERSION), std::exit(0);
        default: say_usage(stderr, kUsage);
        }
    if (optind != argc) say_usage(stderr, kUsage);
    return idle;
}

} // namespace

int main(int argc, char** argv) {
    const std::optional<Service> service = service_named(argv[0]);
    const unsigned idle = read_idle(argc, argv);
    if (!service) say_usage(stderr, kUsage);

    const Inherited sockets = inherited();
    heard = !is_socket_of(STDERR_FILENO, sockets);
    Server server(*service, idle, complain);
    for (int fd = sockets.first; fd < sockets.first + sockets.count; ++fd) {
        const std::optional<Kind> kind = kind_of(fd);
        if (!kind || !server.add(fd, *kind)) return complain("no socket to be served was passed", errno), kFailure;
    }
    if (!server.run()) return complain("wait", errno), kFailure;
    return 0;
}
