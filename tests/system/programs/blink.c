// blink [PIDFILE]: all that a service may say to its supervisor, in a millisecond, and the end; who connects is left waiting.
// With PIDFILE it forks, and its child is the service.

#define _GNU_SOURCE // memfd_create()
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(const char *text, int passed) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL) return;
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    const socklen_t length = (socklen_t)(sizeof to.sun_family + strlen(path));
    if (to.sun_path[0] == '@') to.sun_path[0] = '\0';
    char control[CMSG_SPACE(sizeof passed)] = {0};
    struct iovec part = {(void *)text, strlen(text)};
    struct msghdr message = {.msg_name = &to, .msg_namelen = length, .msg_iov = &part, .msg_iovlen = 1};
    if (passed >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof passed);
        memcpy(CMSG_DATA(header), &passed, sizeof passed);
    }
    const int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendmsg(sock, &message, 0) < 0) exit(1);
    close(sock);
}

static void fork_into(const char *pidfile) {
    const pid_t child = fork();
    if (child < 0) exit(1);
    if (child == 0) {
        usleep(2000); // until it has been looked for
        exit(0);
    }
    FILE *file = fopen(pidfile, "w");
    if (file == NULL) exit(1);
    fprintf(file, "%d\n", child);
    fclose(file);
    exit(0);
}

int main(int argc, char **argv) {
    if (argc > 1) fork_into(argv[1]);
    printf("here\n");
    fflush(stdout);
    notify("FDSTORE=1\nFDNAME=kept", memfd_create("kept", MFD_CLOEXEC));
    notify("READY=1\nSTATUS=blinking", -1);
    notify("STOPPING=1", -1);
    return 0;
}
