/* Sends UDP packets to a range of VIPs at an even pace, and counts what arrives encapsulated at the other end: for the
 * benches and the lab only.
 *
 * usage: stream ADDRESS ADDRESSES PORT FLOWS PER-SECOND SECONDS NETNS DEVICE
 *
 * Packets go round robin to ADDRESSES addresses from ADDRESS on, from FLOWS source ports, out of the namespace it runs in; IP-in-IP
 * frames are counted by a packet socket on DEVICE in the namespace file NETNS, in the kernel, so that a slow reader loses
 * none. It ends after SECONDS or at SIGTERM, once nothing has arrived for a moment. Lines of JSON on standard output: when the
 * first frame arrived (Unix time in ms, by the kernel's clock), then the sums.
 *
 * Pace: bursts of at most BURST packets, so that no queue of a virtual device overflows; what it is late for is made up one
 * such burst per pause. Needs CAP_NET_RAW and CAP_SYS_ADMIN. It refuses destinations outside 203.0.112.0/20, around the
 * documentation prefix 203.0.113.0/24 (RFC 5737), so that a typing mistake floods nobody. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BURST 32
#define MAX_FLOWS 256
#define MAX_RATE 200000
#define MAX_SECONDS 7200
#define ALLOWED_NET 0xcb007000u /* 203.0.112.0 */
#define ALLOWED_ADDRESSES 4096u
#define PAUSE_NS 200000
#define QUIET_NS 200000000ull /* nothing arrived for so long: what is missing is lost */

struct stream {
    uint32_t first; /* host order */
    uint32_t addresses;
    uint16_t port;
    uint32_t flows;
    uint64_t per_second, seconds;
    int tx[MAX_FLOWS];
    int rx;
    uint64_t sent, refused, arrived;
    bool has_told; /* when the first one arrived */
};

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
    (void)signal;
    stopping = 1;
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

/* ---- Sockets ---- */

static int open_senders(struct stream *s)
{
    for (uint32_t i = 0; i < s->flows; i++) {
        struct sockaddr_in any = {.sin_family = AF_INET};
        s->tx[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s->tx[i] < 0 || bind(s->tx[i], (struct sockaddr *)&any, sizeof any) < 0)
            return -1;
    }
    return 0;
}

/* Bound to the device only once the filter is there, so that nothing else is ever counted. */
static int open_receiver(struct stream *s, const char *netns, const char *device)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ETH_HLEN + offsetof(struct iphdr, protocol)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IPIP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 64),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    int on = 1;
    int file = open(netns, O_RDONLY | O_CLOEXEC);
    if (file < 0 || setns(file, CLONE_NEWNET) < 0)
        return -1;
    close(file);
    s->rx = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(device)};
    if (s->rx < 0 || setsockopt(s->rx, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
        setsockopt(s->rx, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
        return -1;
    return address.sll_ifindex == 0 ? -1 : bind(s->rx, (struct sockaddr *)&address, sizeof address);
}

/* ---- One burst ---- */

static void send_burst(struct stream *s, uint32_t wanted)
{
    static const char payload[18];
    struct sockaddr_in to[BURST];
    struct mmsghdr messages[BURST];
    struct iovec part = {.iov_base = (void *)payload, .iov_len = sizeof payload};
    uint64_t attempted = s->sent + s->refused;
    memset(messages, 0, sizeof messages);
    for (uint32_t i = 0; i < wanted; i++) {
        uint32_t address = s->first + (uint32_t)((attempted + i) % s->addresses);
        to[i] = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(s->port), .sin_addr.s_addr = htonl(address)};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &to[i], .msg_namelen = sizeof to[i], .msg_iov = &part, .msg_iovlen = 1};
    }
    int taken = sendmmsg(s->tx[attempted / BURST % s->flows], messages, wanted, 0);
    s->sent += taken < 0 ? 0 : (uint64_t)taken;
    s->refused += wanted - (taken < 0 ? 0 : (uint32_t)taken);
}

static void tell_first(struct stream *s, struct msghdr *message)
{
    s->has_told = true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec at;
            memcpy(&at, CMSG_DATA(c), sizeof at);
            printf("{\"firstMs\":%.3f}\n", (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6);
            fflush(stdout);
        }
}

/* The statistics count every frame that matched, also those for which the socket had no room. Reading them clears them. */
static uint64_t count_arrived(struct stream *s)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    char frame[64], control[128];
    struct iovec part = {.iov_base = frame, .iov_len = sizeof frame};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (!s->has_told && recvmsg(s->rx, &message, 0) >= 0)
        tell_first(s, &message);
    if (getsockopt(s->rx, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0)
        s->arrived += stats.tp_packets;
    return s->arrived;
}

static void pause_briefly(void)
{
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    nanosleep(&pause, NULL);
}

static void run(struct stream *s)
{
    uint64_t started = now_ns(), total = s->per_second * s->seconds;
    while (!stopping && s->sent + s->refused < total) {
        uint64_t due = (now_ns() - started) * s->per_second / 1000000000ull + 1 - (s->sent + s->refused);
        if (due > 0)
            send_burst(s, due > BURST ? BURST : (uint32_t)due);
        count_arrived(s);
        pause_briefly();
    }
    double seconds = (double)(now_ns() - started) / 1e9;
    for (uint64_t last = now_ns(), known = s->arrived; s->arrived < s->sent && now_ns() - last < QUIET_NS; pause_briefly())
        if (count_arrived(s) != known) {
            known = s->arrived;
            last = now_ns();
        }
    printf("{\"sent\":%llu,\"refused\":%llu,\"arrived\":%llu,\"seconds\":%.3f}\n", (unsigned long long)s->sent,
           (unsigned long long)s->refused, (unsigned long long)s->arrived, seconds);
}

static int parse(struct stream *s, char **words)
{
    struct in_addr first;
    if (inet_pton(AF_INET, words[0], &first) != 1)
        return -1;
    uint32_t numbers[5], limits[5] = {ALLOWED_ADDRESSES, 65535, MAX_FLOWS, MAX_RATE, MAX_SECONDS};
    for (int i = 0; i < 5; i++) {
        long value = strtol(words[1 + i], NULL, 10);
        if (value < 1 || value > (long)limits[i])
            return -1;
        numbers[i] = (uint32_t)value;
    }
    s->first = ntohl(first.s_addr);
    s->addresses = numbers[0];
    s->port = (uint16_t)numbers[1];
    s->flows = numbers[2];
    s->per_second = numbers[3];
    s->seconds = numbers[4];
    return 0;
}

int main(int argc, char **argv)
{
    static struct stream stream;
    if (argc != 9 || parse(&stream, argv + 1) != 0) {
        fprintf(stderr, "usage: stream ADDRESS ADDRESSES PORT FLOWS PER-SECOND SECONDS NETNS DEVICE\n");
        return 64;
    }
    if (stream.first - ALLOWED_NET >= ALLOWED_ADDRESSES || stream.first - ALLOWED_NET + stream.addresses > ALLOWED_ADDRESSES) {
        fprintf(stderr, "stream: expected destinations inside 203.0.112.0/20, got %s\n", argv[1]);
        return 64;
    }
    signal(SIGTERM, stop);
    if (open_senders(&stream) < 0 || open_receiver(&stream, argv[7], argv[8]) < 0) {
        fprintf(stderr, "stream: opening its sockets: %s\n", strerror(errno));
        return 77;
    }
    run(&stream);
    return 0;
}
