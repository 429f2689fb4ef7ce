/* Two BFD speakers (native/net/bfd.c) in one process over loopback, under the sanitizers: up, a flood of junk, orders while it
 * lasts, one end killed, one end leaving. Prints each step that it has seen.
 *
 *   bfd_thread FIRST_PORT */
#define _GNU_SOURCE
#include "../net/bfd.h"
#include "bfd_check.h"
#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000
#define JUNK 20000

struct end {
    struct bfd *bfd;
    _Atomic uint64_t words[BFD_WORD_COUNT];
    uint16_t port;
};

static struct end end[2];
static int news;

/* On a BFD thread. */
static void wake(void *context)
{
    (void)context;
    eventfd_write(news, 1);
}

static uint64_t word(uint32_t i, uint32_t of_session)
{
    return atomic_load(&end[i].words[BFD_FIRST_SESSION_WORD + of_session]);
}

static void await(uint32_t i, uint32_t of_session, uint64_t value)
{
    while (word(i, of_session) != value) {
        struct pollfd p = {.fd = news, .events = POLLIN};
        eventfd_t count;
        REQUIRE(poll(&p, 1, PATIENCE_MS) == 1);
        eventfd_read(news, &count);
    }
}

static struct bfd_address loopback(uint8_t last)
{
    return (struct bfd_address){.bytes = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = last}};
}

static struct bfd_order order_of(uint32_t i, uint32_t interval_us)
{
    return (struct bfd_order){.kind = BFD_ORDER_SET, .peer = loopback((uint8_t)(2 - i)), .local = loopback((uint8_t)(1 + i)),
                              .peer_port = end[1 - i].port, .wants = {interval_us, 5}, .hung_after_ns = UINT64_MAX};
}

static void start(uint32_t i)
{
    struct bfd_setup setup = {.port = end[i].port, .words = end[i].words, .wake = wake};
    struct bfd_order order = order_of(i, 50000);
    memset((void *)end[i].words, 0, sizeof end[i].words);
    REQUIRE(bfd_start(&end[i].bfd, &setup) == 0);
    REQUIRE(bfd_order(end[i].bfd, &order) == 0);
}

/* From a neighbour by its hop limit: whatever bytes, many of them packets of some kind. */
static void send_junk(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0), ttl = 255;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    uint32_t random = 1;
    REQUIRE(fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 0);
    for (int n = 0; n < JUNK; n++) {
        uint8_t bytes[300];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
        if (n % 2)
            memcpy(bytes, (uint8_t[]){0x20, (uint8_t)(random >> 8), 3, 24}, 4);
        (void)!sendto(fd, bytes, random % sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
    }
    close(fd);
}

static uint64_t discarded(uint32_t i)
{
    uint64_t sum = 0;
    for (uint32_t reason = 0; reason < BFD_DISCARD_COUNT; reason++)
        sum += atomic_load(&end[i].words[BFD_WORD_DISCARDS + reason]);
    return sum;
}

int main(int argc, char **argv)
{
    REQUIRE(argc == 2);
    news = eventfd(0, EFD_NONBLOCK);
    for (uint32_t i = 0; i < 2; i++)
        end[i].port = (uint16_t)(atoi(argv[1]) + (int)i);
    start(0);
    start(1);
    for (uint32_t i = 0; i < 2; i++)
        await(i, BFD_SESSION_STATE, BFD_UP);
    puts("up");
    send_junk(end[0].port);
    struct bfd_order slower = order_of(0, 70000);
    REQUIRE(bfd_order(end[0].bfd, &slower) == 0);
    await(1, BFD_SESSION_DETECTION_US, 350000);
    REQUIRE(discarded(0) > 0);
    puts("flooded");
    bfd_stop(end[1].bfd);
    await(0, BFD_SESSION_FAILURES, 1);
    puts("lost");
    start(1);
    await(0, BFD_SESSION_STATE, BFD_UP);
    const struct bfd_order leave = {.kind = BFD_ORDER_LEAVE};
    REQUIRE(bfd_order(end[0].bfd, &leave) == 0);
    await(0, BFD_SESSION_ENDED, 1);
    await(1, BFD_SESSION_REMOTE_STATE, BFD_ADMIN_DOWN);
    puts("left");
    for (uint32_t i = 0; i < 2; i++)
        bfd_stop(end[i].bfd);
    close(news);
    return 0;
}
