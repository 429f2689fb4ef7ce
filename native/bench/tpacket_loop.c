/* The bare loop that engine af_packet is measured against: TPACKET_V2 receive, loop.h, sendmmsg in bursts past the queueing
 * discipline. usage: tpacket_loop DEVICE SECONDS
 *
 * Ring and sending are as the engine has them (packet_ring.c, af_packet.c); blocks of TPACKET_V3 and a sending ring were no
 * quicker (docs/benchmarks.md). What is missing is what a balancer adds. Says "ready" once it receives. Needs CAP_NET_RAW. */
#define _GNU_SOURCE
#include "loop.h"
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOT_BYTES 1792u /* a frame of 1600 bytes, and room before it */
#define SLOTS_PER_BLOCK 64u /* whole pages */
#define BLOCKS 288u
#define SLOTS (SLOTS_PER_BLOCK * BLOCKS)
#define SEND_BUFFER_BYTES (8 << 20)

struct loop {
    int rx, tx;
    uint8_t *ring;
    uint32_t at;
};

static int set_packet(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

static int bind_to(int fd, const char *device, uint16_t protocol)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)if_nametoindex(device)};
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int open_loop(struct loop *l, const char *device)
{
    struct tpacket_req ring = {SLOT_BYTES * SLOTS_PER_BLOCK, BLOCKS, SLOT_BYTES, SLOTS};
    int bytes = SEND_BUFFER_BYTES;
    l->rx = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    l->tx = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    if (l->rx < 0 || l->tx < 0 || set_packet(l->rx, PACKET_VERSION, TPACKET_V2) < 0 ||
        set_packet(l->rx, PACKET_RESERVE, OUTER_BYTES) < 0 || set_packet(l->rx, PACKET_IGNORE_OUTGOING, 1) < 0 ||
        setsockopt(l->rx, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
        return -1;
    l->ring = mmap(NULL, (size_t)SLOT_BYTES * SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, l->rx, 0);
    if (l->ring == MAP_FAILED || bind_to(l->rx, device, ETH_P_ALL) < 0)
        return -1;
    setsockopt(l->tx, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
    return set_packet(l->tx, PACKET_QDISC_BYPASS, 1) < 0 ? -1 : bind_to(l->tx, device, 0);
}

static struct tpacket2_hdr *slot_at(const struct loop *l, uint32_t number)
{
    return (void *)(l->ring + (size_t)(number % SLOTS) * SLOT_BYTES);
}

static uint32_t forward_burst(struct loop *l)
{
    static struct mmsghdr messages[BURST];
    static struct iovec parts[BURST];
    uint32_t n = 0;
    for (; n < BURST; n++) {
        struct tpacket2_hdr *h = slot_at(l, l->at + n);
        if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            break;
        parts[n] = (struct iovec){encapsulate((uint8_t *)h + h->tp_mac), h->tp_snaplen + OUTER_BYTES};
        messages[n].msg_hdr = (struct msghdr){.msg_iov = &parts[n], .msg_iovlen = 1};
    }
    if (n > 0)
        sendmmsg(l->tx, messages, n, MSG_DONTWAIT);
    for (uint32_t i = 0; i < n; i++)
        __atomic_store_n(&slot_at(l, l->at + i)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    l->at = (l->at + n) % SLOTS;
    return n;
}

static void run(struct loop *l)
{
    struct pollfd wait = {.fd = l->rx, .events = POLLIN};
    while (!stopping)
        if (forward_burst(l) == 0)
            poll(&wait, 1, 100);
}

int main(int argc, char **argv)
{
    struct loop loop = {0};
    if (argc != 3 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: tpacket_loop DEVICE SECONDS\n");
        return 64;
    }
    if (open_loop(&loop, argv[1]) < 0)
        return fail("tpacket_loop: opening its sockets");
    begin();
    alarm((unsigned)atoi(argv[2]));
    puts("ready");
    fflush(stdout);
    run(&loop);
    return 0;
}
