/* Sends small TCP frames at an even pace by a device and tells how long each took until it came back there: for benchmarks of
 * packet engines in namespaces of their own.
 *
 * usage: latency DEVICE MAC ADDRESS PORT FLOWS PER-SECOND MILLISECONDS
 *
 * A frame carries the time just before it is handed to the kernel; the kernel's time stamp of its arrival, on the same clock,
 * less that is its way: through the kernel to the device, whatever is at its other end, and back. What is due while the
 * sender could not run is not made up, so that no burst waits in a queue. One line of JSON: frames sent and back, and
 * microseconds. Needs CAP_NET_RAW. Refuses destinations outside 203.0.113.0/24 (RFC 5737). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DOCUMENTATION_NET 0xcb007100u
#define SOURCE_NET 0xc6120000u /* 198.18.0.0/15 (RFC 2544) */
#define MAX_PER_SECOND 400000
#define MAX_MS 10000
#define MAX_FLOWS 4096
#define FRAME_BYTES 70
#define STAMP_BYTES 16 /* at the end: a mark, and nanoseconds */
#define MARK 0x746f7269692d6c61ull
#define BLOCK_BYTES (1u << 20)
#define BLOCKS 8u
#define SLOT_BYTES 256u
#define SLOTS (BLOCK_BYTES / SLOT_BYTES * BLOCKS)
#define WARM_NS 100000000ull
#define QUIET_NS 50000000ull
#define PRIORITY 1

struct latency {
    int tx, rx;
    uint8_t *ring, frame[FRAME_BYTES];
    uint32_t slot, flows, *ways_ns;
    uint64_t per_second, run_ns, number, sent, back, room, counted_from_ns;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* ---- The frame ---- */

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static uint32_t word_sum(const uint8_t *bytes, int count)
{
    uint32_t sum = 0;
    for (int i = 0; i < count; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return sum;
}

static uint32_t folded(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return ~sum & 0xffff;
}

static void write_frame(uint8_t *frame, const uint8_t *mac, uint32_t destination, uint16_t port)
{
    uint8_t *ip = frame + ETH_HLEN, *tcp = ip + 20;
    memset(frame, 0, FRAME_BYTES);
    memcpy(frame, mac, 6);
    memcpy(frame + 6, (uint8_t[]){2, 0, 0, 0, 0, 9}, 6);
    put16(frame + 12, ETHERTYPE_IP);
    ip[0] = 0x45;
    put16(ip + 2, FRAME_BYTES - ETH_HLEN);
    put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = IPPROTO_TCP;
    put16(ip + 16, destination >> 16);
    put16(ip + 18, destination & 0xffff);
    put16(tcp + 2, port);
    tcp[12] = 0x50;
    tcp[13] = 0x10; /* ACK */
    put16(tcp + 14, 64240);
}

/* The next flow's frame, with the present time in it. */
static void stamp(struct latency *l)
{
    uint8_t *ip = l->frame + ETH_HLEN, *tcp = ip + 20;
    uint32_t flow = (uint32_t)(l->number++ % l->flows), source = SOURCE_NET + (flow >> 8);
    uint64_t words[2] = {MARK, clock_ns(CLOCK_REALTIME)};
    memcpy(l->frame + FRAME_BYTES - STAMP_BYTES, words, STAMP_BYTES);
    put16(ip + 12, source >> 16);
    put16(ip + 14, source & 0xffff);
    put16(tcp, 1024 + (flow & 255));
    put16(ip + 10, 0);
    put16(ip + 10, folded(word_sum(ip, 20)));
    put16(tcp + 16, 0);
    put16(tcp + 16, folded(word_sum(tcp, FRAME_BYTES - ETH_HLEN - 20) + word_sum(ip + 12, 8) + IPPROTO_TCP + FRAME_BYTES - ETH_HLEN - 20));
}

/* ---- Sockets ---- */

static int open_sockets(struct latency *l, const char *device)
{
    int version = TPACKET_V2, on = 1;
    struct tpacket_req ring = {BLOCK_BYTES, BLOCKS, SLOT_BYTES, SLOTS};
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(device)};
    l->tx = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    l->rx = socket(AF_PACKET, SOCK_RAW, 0);
    if (l->tx < 0 || l->rx < 0 || setsockopt(l->rx, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0 ||
        setsockopt(l->rx, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        setsockopt(l->rx, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
        return -1;
    l->ring = mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, l->rx, 0);
    if (l->ring == MAP_FAILED || bind(l->tx, (struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    setsockopt(l->tx, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    address.sll_protocol = htons(ETH_P_ALL);
    return bind(l->rx, (struct sockaddr *)&address, sizeof address);
}

static void count_frame(struct latency *l, const struct tpacket2_hdr *h)
{
    uint64_t words[2];
    if (h->tp_snaplen < FRAME_BYTES)
        return;
    memcpy(words, (const uint8_t *)h + h->tp_mac + h->tp_snaplen - STAMP_BYTES, STAMP_BYTES);
    uint64_t arrived = (uint64_t)h->tp_sec * 1000000000ull + h->tp_nsec;
    if (words[0] == MARK && words[1] >= l->counted_from_ns && l->back < l->room)
        l->ways_ns[l->back++] = arrived > words[1] ? (uint32_t)(arrived - words[1]) : 0;
}

/* Returns how many frames there were. */
static uint32_t take_frames(struct latency *l)
{
    for (uint32_t n = 0;; n++) {
        struct tpacket2_hdr *h = (void *)(l->ring + (size_t)l->slot * SLOT_BYTES);
        if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            return n;
        count_frame(l, h);
        __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        l->slot = (l->slot + 1) % SLOTS;
    }
}

/* ---- Run ---- */

static void run(struct latency *l)
{
    uint64_t apart = 1000000000ull / l->per_second, start = clock_ns(CLOCK_MONOTONIC), due = start;
    l->counted_from_ns = clock_ns(CLOCK_REALTIME) + WARM_NS;
    for (uint64_t now = start; now < start + WARM_NS + l->run_ns; now = clock_ns(CLOCK_MONOTONIC)) {
        if (now >= due) {
            stamp(l);
            if (send(l->tx, l->frame, FRAME_BYTES, MSG_DONTWAIT) == FRAME_BYTES && now >= start + WARM_NS)
                l->sent++;
            due = now - due > apart ? now + apart : due + apart;
        }
        take_frames(l);
    }
    for (uint64_t last = clock_ns(CLOCK_MONOTONIC); clock_ns(CLOCK_MONOTONIC) - last < QUIET_NS;)
        if (take_frames(l) > 0)
            last = clock_ns(CLOCK_MONOTONIC);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double part_us(const struct latency *l, double part)
{
    return l->back == 0 ? 0 : l->ways_ns[(uint64_t)((double)(l->back - 1) * part)] / 1e3;
}

static int parse(struct latency *l, char **words)
{
    uint8_t mac[6];
    struct in_addr destination;
    long port = strtol(words[3], NULL, 10), flows = strtol(words[4], NULL, 10);
    long per_second = strtol(words[5], NULL, 10), ms = strtol(words[6], NULL, 10);
    if (sscanf(words[1], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6 ||
        inet_pton(AF_INET, words[2], &destination) != 1 || (ntohl(destination.s_addr) & 0xffffff00u) != DOCUMENTATION_NET)
        return -1;
    if (port < 1 || port > 65535 || flows < 1 || flows > MAX_FLOWS || per_second < 1 || per_second > MAX_PER_SECOND || ms < 1 || ms > MAX_MS)
        return -1;
    l->flows = (uint32_t)flows;
    l->per_second = (uint64_t)per_second;
    l->run_ns = (uint64_t)ms * 1000000ull;
    l->room = l->per_second * (uint64_t)ms / 1000 + 1000;
    write_frame(l->frame, mac, ntohl(destination.s_addr), (uint16_t)port);
    l->ways_ns = calloc(l->room, sizeof *l->ways_ns);
    return l->ways_ns ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct latency l;
    struct sched_param wanted = {.sched_priority = PRIORITY};
    if (argc != 8 || parse(&l, argv + 1) < 0) {
        fprintf(stderr, "usage: latency DEVICE MAC 203.0.113.x PORT FLOWS PER-SECOND MILLISECONDS\n");
        return 64;
    }
    if (open_sockets(&l, argv[1]) < 0) {
        fprintf(stderr, "latency: opening its sockets: %s\n", strerror(errno));
        return 77;
    }
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &wanted);
    run(&l);
    qsort(l.ways_ns, l.back, sizeof *l.ways_ns, by_size);
    printf("{\"sent\":%llu,\"back\":%llu,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n", (unsigned long long)l.sent,
           (unsigned long long)l.back, part_us(&l, 0.5), part_us(&l, 0.99), part_us(&l, 1));
    return 0;
}
