// crowd say|sit                     an instance of inetd's kind: sends a byte to whoever is connected, and with `sit` stays until he has gone
// crowd ask ADDRESS PORT COUNT      connects so often, one after another, until the byte has come, and resets
// crowd hold ADDRESS PORT COUNT     has so many connections with their byte, says "held", and keeps them until standard input ends

#include <arpa/inet.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int serve(int sits) {
    char byte = 0;
    if (send(STDIN_FILENO, "x", 1, MSG_NOSIGNAL) != 1) return 0; // who has gone already
    while (sits && recv(STDIN_FILENO, &byte, 1, 0) > 0) {}
    return 0;
}

// A connection that has had its byte.
static int served(const struct sockaddr_in *at, long number) {
    const struct timeval patience = {15, 0};
    const struct linger at_once = {1, 0}; // a reset: no TIME_WAIT on either side
    char byte = 0;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0) err(1, "socket %ld", number);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) != 0) err(1, "connect %ld", number);
    const ssize_t length = recv(fd, &byte, 1, 0);
    if (length < 0) err(1, "connection %ld", number);
    if (length == 0) errx(1, "connection %ld was closed", number);
    return fd;
}

int main(int argc, char **argv) {
    if (argc == 2) return serve(strcmp(argv[1], "sit") == 0);
    if (argc != 5) errx(2, "say|sit, or ask|hold ADDRESS PORT COUNT");
    const int holds = strcmp(argv[1], "hold") == 0;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(argv[3]))};
    if (inet_pton(AF_INET, argv[2], &at.sin_addr) != 1) errx(2, "not an address: %s", argv[2]);
    for (long i = 1; i <= atol(argv[4]); ++i) {
        const int fd = served(&at, i);
        if (!holds) close(fd);
    }
    if (!holds) return 0;
    printf("held\n");
    fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {}
    return 0;
}
