// bench_child [answer|say|sit]: the child of spawn_bench, first_byte and inetd_bench, static, so that it starts as fast as a program can.
// Ends at once; with `answer` it first accepts one connection on descriptor 3, as LISTEN_FDS has it, and sends one byte. With `say` it
// sends the byte to standard input, as inetd has it; with `sit` it then stays until the client is gone.

#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

namespace {

bool send_byte(int to) { return ::send(to, "x", 1, MSG_NOSIGNAL) == 1; }

int answer() {
    const int client = ::accept4(3, nullptr, nullptr, SOCK_CLOEXEC);
    return client >= 0 && send_byte(client) ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 0;
    if (std::strcmp(argv[1], "answer") == 0) return answer();
    const bool sits = std::strcmp(argv[1], "sit") == 0;
    if (!sits && std::strcmp(argv[1], "say") != 0) return 0;
    if (!send_byte(STDIN_FILENO)) return 0; // who measures has gone on
    char byte = 0;
    while (sits && ::recv(STDIN_FILENO, &byte, 1, 0) > 0) {}
    return 0;
}
