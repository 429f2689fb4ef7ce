/* Sends numbered datagrams of known contents with UDP segmentation offload (UDP_SEGMENT, Linux 4.18), for tests: what leaves the
 * socket is super-frames. Byte i of datagram n is 31 n + i.
 *
 *     udp_burst ADDRESS PORT DATAGRAMS BYTES */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define AT_ONCE 40

static int fail(const char *what)
{
    fprintf(stderr, "udp_burst: %s: %s\n", what, strerror(errno));
    return 1;
}

static int connect_to(const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *to;
    if (getaddrinfo(address, port, &hints, &to) != 0)
        return -1;
    int fd = socket(to->ai_family, SOCK_DGRAM, 0);
    if (fd >= 0 && connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
        close(fd);
        fd = -1;
    }
    freeaddrinfo(to);
    return fd;
}

int main(int argc, char **argv)
{
    static uint8_t payload[65536];
    if (argc != 5)
        return fail("expected ADDRESS PORT DATAGRAMS BYTES");
    unsigned total = (unsigned)atoi(argv[3]), bytes = (unsigned)atoi(argv[4]);
    int fd = connect_to(argv[1], argv[2]), segment = (int)bytes;
    if (fd < 0 || bytes * AT_ONCE > sizeof payload || setsockopt(fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof segment) < 0)
        return fail("opening the socket");
    for (unsigned done = 0; done < total;) {
        unsigned n = total - done < AT_ONCE ? total - done : AT_ONCE;
        for (unsigned d = 0; d < n; d++)
            for (unsigned i = 0; i < bytes; i++)
                payload[d * bytes + i] = (uint8_t)(31 * (done + d) + i);
        if (send(fd, payload, n * bytes, 0) < 0)
            return fail("sending");
        done += n;
        usleep(1000); /* so that no queue on the way has to hold them all */
    }
    return 0;
}
