#define _GNU_SOURCE
#include "bfd_socket.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IP4_TTL_OFFSET 8
#define IP6_HOP_LIMIT_OFFSET 7
#define SEND_PRIORITY 6 /* the highest that needs no privilege */

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int bfd_family(const struct bfd_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0 ? AF_INET : AF_INET6;
}

/* ---- Addresses ---- */

static socklen_t to_kernel(const struct bfd_address *address, uint16_t port, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (bfd_family(address) == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, address->bytes + sizeof mapped_prefix, sizeof in->sin_addr);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    in6->sin6_scope_id = address->scope;
    memcpy(&in6->sin6_addr, address->bytes, sizeof in6->sin6_addr);
    return sizeof *in6;
}

static void from_kernel(const struct sockaddr_storage *from, struct bfd_address *out)
{
    *out = (struct bfd_address){0};
    if (from->ss_family == AF_INET) {
        memcpy(out->bytes, mapped_prefix, sizeof mapped_prefix);
        memcpy(out->bytes + sizeof mapped_prefix, &((const struct sockaddr_in *)from)->sin_addr, 4);
        return;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    memcpy(out->bytes, &in6->sin6_addr, sizeof out->bytes);
    out->scope = in6->sin6_scope_id;
}

/* ---- Opening ---- */

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* Closes `fd` and returns why. */
static int fail(int fd)
{
    int error = errno;
    close(fd);
    return -error;
}

static int open_socket(int family)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    return family == AF_INET || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) ? fd : fail(fd);
}

/* Before bind(), so that nothing else is ever queued. */
static bool take_only_neighbours(int fd, int family)
{
    uint32_t offset = (uint32_t)SKF_NET_OFF + (family == AF_INET ? IP4_TTL_OFFSET : IP6_HOP_LIMIT_OFFSET);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BFD_HOP_LIMIT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

static bool take_nothing(int fd)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {.len = 1, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

int bfd_open_receiver(int family, uint16_t port)
{
    int fd = open_socket(family);
    if (fd < 0)
        return fd;
    bool is_told = family == AF_INET ? set_option(fd, IPPROTO_IP, IP_RECVTTL, 1) : set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
    if (!is_told || !take_only_neighbours(fd, family))
        return fail(fd);
    struct bfd_address any = {0};
    struct sockaddr_storage at;
    if (family == AF_INET)
        memcpy(any.bytes, mapped_prefix, sizeof mapped_prefix);
    socklen_t length = to_kernel(&any, port, &at);
    return bind(fd, (struct sockaddr *)&at, length) == 0 ? fd : fail(fd);
}

int bfd_open_sender(const struct bfd_address *local, uint16_t source_port)
{
    int family = bfd_family(local);
    int fd = open_socket(family);
    if (fd < 0)
        return fd;
    bool is_set = family == AF_INET
                      ? set_option(fd, IPPROTO_IP, IP_TTL, BFD_HOP_LIMIT) && set_option(fd, IPPROTO_IP, IP_TOS, IPTOS_CLASS_CS6)
                      : set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, BFD_HOP_LIMIT) &&
                            set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, IPTOS_CLASS_CS6);
    if (!is_set || !set_option(fd, SOL_SOCKET, SO_PRIORITY, SEND_PRIORITY) || !take_nothing(fd))
        return fail(fd);
    struct sockaddr_storage at;
    socklen_t length = to_kernel(local, source_port, &at);
    return bind(fd, (struct sockaddr *)&at, length) == 0 ? fd : fail(fd);
}

/* ---- Packets ---- */

static int hop_limit_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        bool is_ttl = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL;
        bool is_hop_limit = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT;
        int value;
        if (!is_ttl && !is_hop_limit)
            continue;
        memcpy(&value, CMSG_DATA(c), sizeof value);
        return value;
    }
    return -1;
}

int bfd_read(int fd, struct bfd_inbox *inbox)
{
    struct mmsghdr message[BFD_BATCH] = {0};
    struct iovec part[BFD_BATCH];
    struct sockaddr_storage from[BFD_BATCH];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control[BFD_BATCH];
    for (int i = 0; i < BFD_BATCH; i++) {
        part[i] = (struct iovec){inbox->bytes[i], BFD_DATAGRAM_MAX};
        message[i].msg_hdr = (struct msghdr){
            .msg_name = &from[i],
            .msg_namelen = sizeof from[i],
            .msg_iov = &part[i],
            .msg_iovlen = 1,
            .msg_control = &control[i],
            .msg_controllen = sizeof control[i],
        };
    }
    int count = recvmmsg(fd, message, BFD_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++) {
        struct bfd_datagram *d = &inbox->datagram[i];
        *d = (struct bfd_datagram){.bytes = inbox->bytes[i], .size = message[i].msg_len, .hop_limit = hop_limit_of(&message[i].msg_hdr)};
        from_kernel(&from[i], &d->source);
    }
    return count < 0 ? 0 : count;
}

int bfd_send(int fd, const struct bfd_address *peer, uint16_t port, const uint8_t *bytes)
{
    struct sockaddr_storage to;
    socklen_t length = to_kernel(peer, port, &to);
    return sendto(fd, bytes, BFD_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0 ? -errno : 0;
}

uint32_t bfd_unread(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof info;
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length) == 0 ? info[SK_MEMINFO_DROPS] : 0;
}
