/* A service manager's ear, for tests of sd_notify(3): `notify_manager SOCKET LIMIT-MS`.
 *
 * Prints each message that comes to the datagram socket on a line, and "STARVED" whenever WATCHDOG=1 has not come for LIMIT-MS. Ends
 * with its standard input. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (argc != 3 || strlen(argv[1]) >= sizeof address.sun_path)
        return 64;
    strcpy(address.sun_path, argv[1]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("notify_manager");
        return 1;
    }
    puts("listening");
    fflush(stdout);
    long limit = atol(argv[2]), fed = now_ms();
    for (;;) {
        struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
        long left = fed + limit - now_ms();
        char message[512];
        poll(fds, 2, left > 0 ? (int)left : 0);
        if (fds[1].revents)
            return 0;
        ssize_t bytes = fds[0].revents ? recv(fd, message, sizeof message - 1, MSG_DONTWAIT) : 0;
        if (bytes > 0) {
            message[bytes] = '\0';
            puts(message);
            if (strcmp(message, "WATCHDOG=1") == 0)
                fed = now_ms();
        } else if (now_ms() - fed >= limit) {
            puts("STARVED");
            fed = now_ms();
        }
        fflush(stdout);
    }
}
