// bench_child [answer]: the child of spawn_bench and first_byte, static, so that it starts as fast as a program can. Ends at once; with
// `answer` it first accepts one connection on descriptor 3, as LISTEN_FDS has it, and sends one byte.

#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 2 || std::strcmp(argv[1], "answer") != 0) return 0;
    const int client = ::accept4(3, nullptr, nullptr, SOCK_CLOEXEC);
    return client >= 0 && ::send(client, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : 1;
}
