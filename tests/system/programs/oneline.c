// Answers one client at a time with "served\n", and ends on TERM when it has none at hand. Starts in a millisecond.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INHERITED = 3 }; // SD_LISTEN_FDS_START

static void serve(void) {
    char asked[64];
    const int client = accept(INHERITED, NULL, NULL);
    if (client < 0) return; // gone already
    if (read(client, asked, sizeof asked) > 0 && send(client, "served\n", 7, MSG_NOSIGNAL) < 0) _exit(1);
    close(client);
}

int main(void) {
    sigset_t term;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    struct pollfd waits[] = {{signalfd(-1, &term, SFD_CLOEXEC), POLLIN, 0}, {INHERITED, POLLIN, 0}};
    while (poll(waits, 2, -1) >= 0 || errno == EINTR) {
        if (waits[0].revents != 0) return 0;
        if (waits[1].revents != 0) serve();
    }
    return 1;
}
