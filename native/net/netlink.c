#include "netlink.h"
#include <errno.h>
#include <linux/if_arp.h>
#include <linux/neighbour.h>
#include <linux/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES 32768 /* the kernel fills at most this much of a dump into one message */
#define ROUTES_PER_SEND 64  /* answers to one batch must fit the socket's receive buffer */
#define USES_PER_SEND 256
#define ANSWER_TIMEOUT_SEC 2

int netlink_open(struct netlink *nl, uint32_t groups)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_SEC};
    int receive_bytes = 1 << 20;
    nl->sequence = 0;
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0), NETLINK_ROUTE);
    if (nl->fd < 0)
        return -errno;
    setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (bind(nl->fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int error = errno;
        netlink_close(nl);
        return -error;
    }
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (nl->fd >= 0)
        close(nl->fd);
    nl->fd = -1;
}

/* ---- Messages ---- */

struct request {
    struct nlmsghdr header;
    union {
        struct rtmsg route;
        struct ndmsg neighbour;
        struct ifinfomsg link;
    };
    uint8_t attributes[64];
};

static void add_attribute(struct request *r, uint16_t type, const void *data, size_t bytes)
{
    struct rtattr *a = (void *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(bytes);
    memcpy(RTA_DATA(a), data, bytes);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
}

static size_t address_bytes(const struct ip_address *a)
{
    return a->family == AF_INET ? 4 : 16;
}

static void read_address(struct ip_address *out, uint8_t family, const struct rtattr *a)
{
    out->family = 0;
    if (!a || RTA_PAYLOAD(a) < (family == AF_INET ? 4 : 16))
        return;
    out->family = family;
    memcpy(out->bytes, RTA_DATA(a), address_bytes(out));
}

static uint32_t read_u32(const struct rtattr *a)
{
    uint32_t v = 0;
    if (a && RTA_PAYLOAD(a) >= sizeof v)
        memcpy(&v, RTA_DATA(a), sizeof v);
    return v;
}

static void collect(const struct rtattr *first, size_t bytes, const struct rtattr **table, unsigned short count)
{
    int left = (int)bytes;
    memset(table, 0, count * sizeof *table);
    for (const struct rtattr *a = first; RTA_OK(a, left); a = RTA_NEXT(a, left))
        if ((a->rta_type & NLA_TYPE_MASK) < count)
            table[a->rta_type & NLA_TYPE_MASK] = a;
}

static void read_text(char *out, size_t room, const struct rtattr *a)
{
    size_t bytes = a ? RTA_PAYLOAD(a) : 0;
    if (bytes >= room)
        bytes = room - 1;
    if (bytes)
        memcpy(out, RTA_DATA(a), bytes);
    out[bytes] = 0;
}

static void read_relations(const struct rtattr *const *a, struct link *out)
{
    const struct rtattr *info[IFLA_INFO_KIND + 1] = {0};
    if (a[IFLA_LINKINFO])
        collect(RTA_DATA(a[IFLA_LINKINFO]), RTA_PAYLOAD(a[IFLA_LINKINFO]), info, IFLA_INFO_KIND + 1);
    read_text(out->kind, sizeof out->kind, info[IFLA_INFO_KIND]);
    out->master = read_u32(a[IFLA_MASTER]);
    out->lower = a[IFLA_LINK_NETNSID] ? 0 : read_u32(a[IFLA_LINK]);
}

static void read_link(const struct nlmsghdr *m, struct link *out)
{
    const struct ifinfomsg *info = NLMSG_DATA(m);
    const struct rtattr *a[IFLA_LINK_NETNSID + 1];
    collect(IFLA_RTA(info), IFLA_PAYLOAD(m), a, IFLA_LINK_NETNSID + 1);
    *out = (struct link){
        .ifindex = (uint32_t)info->ifi_index,
        .mtu = read_u32(a[IFLA_MTU]),
        .type = info->ifi_type,
        /* The carrier itself: the RUNNING flag follows it up to a second late. */
        .is_up = info->ifi_flags & IFF_UP && a[IFLA_CARRIER] && *(const uint8_t *)RTA_DATA(a[IFLA_CARRIER]),
    };
    read_text(out->name, sizeof out->name, a[IFLA_IFNAME]);
    read_relations(a, out);
    if (a[IFLA_ADDRESS] && RTA_PAYLOAD(a[IFLA_ADDRESS]) == sizeof out->mac)
        memcpy(out->mac, RTA_DATA(a[IFLA_ADDRESS]), sizeof out->mac);
}

static void read_neighbour(const struct nlmsghdr *m, struct neighbour *out)
{
    const struct ndmsg *info = NLMSG_DATA(m);
    const struct rtattr *a[NDA_LLADDR + 1];
    collect((const void *)((const uint8_t *)info + NLMSG_ALIGN(sizeof *info)), NLMSG_PAYLOAD(m, sizeof *info), a, NDA_LLADDR + 1);
    *out = (struct neighbour){.ifindex = (uint32_t)info->ndm_ifindex, .state = m->nlmsg_type == RTM_DELNEIGH ? 0 : info->ndm_state};
    read_address(&out->address, info->ndm_family, a[NDA_DST]);
    if (a[NDA_LLADDR] && RTA_PAYLOAD(a[NDA_LLADDR]) == sizeof out->mac) {
        out->has_mac = true;
        memcpy(out->mac, RTA_DATA(a[NDA_LLADDR]), sizeof out->mac);
    }
}

static void read_route(const struct nlmsghdr *m, struct route *out)
{
    const struct rtmsg *info = NLMSG_DATA(m);
    const struct rtattr *a[RTA_ENCAP_TYPE + 1], *metrics[RTAX_MTU + 1];
    collect(RTM_RTA(info), RTM_PAYLOAD(m), a, RTA_ENCAP_TYPE + 1);
    *out = (struct route){.type = info->rtm_type, .ifindex = read_u32(a[RTA_OIF]), .has_encap = a[RTA_ENCAP_TYPE]};
    read_address(&out->gateway, info->rtm_family, a[RTA_GATEWAY]);
    read_address(&out->source, info->rtm_family, a[RTA_PREFSRC]);
    if (a[RTA_VIA] && RTA_PAYLOAD(a[RTA_VIA]) >= sizeof(struct rtvia)) {
        const struct rtvia *via = RTA_DATA(a[RTA_VIA]);
        out->gateway.family = (uint8_t)via->rtvia_family;
        if (RTA_PAYLOAD(a[RTA_VIA]) >= sizeof *via + address_bytes(&out->gateway))
            memcpy(out->gateway.bytes, via->rtvia_addr, address_bytes(&out->gateway));
    }
    if (a[RTA_METRICS]) {
        collect(RTA_DATA(a[RTA_METRICS]), RTA_PAYLOAD(a[RTA_METRICS]), metrics, RTAX_MTU + 1);
        out->mtu = read_u32(metrics[RTAX_MTU]);
    }
}

/* ---- Questions ---- */

/* One received datagram; `*bytes` may hold several messages. */
static int receive(struct netlink *nl, void *buffer, int *bytes)
{
    ssize_t n;
    do
        n = recv(nl->fd, buffer, RECEIVE_BYTES, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    *bytes = (int)n;
    return 0;
}

static int error_of(const struct nlmsghdr *m)
{
    const struct nlmsgerr *e = NLMSG_DATA(m);
    return m->nlmsg_type == NLMSG_ERROR ? e->error : 0;
}

typedef void (*each_message)(void *context, const struct nlmsghdr *m);

static int dump(struct netlink *nl, uint16_t type, each_message each, void *context)
{
    struct request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof r.link), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = ++nl->sequence}};
    _Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
    if (type == RTM_GETNEIGH)
        r.header.nlmsg_len = NLMSG_LENGTH(sizeof r.neighbour);
    if (send(nl->fd, &r, r.header.nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        int bytes, error = receive(nl, buffer, &bytes);
        if (error < 0)
            return error;
        for (const struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, bytes); m = NLMSG_NEXT(m, bytes)) {
            if (m->nlmsg_seq != nl->sequence)
                continue;
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            if (m->nlmsg_type == NLMSG_ERROR)
                return error_of(m);
            each(context, m);
        }
    }
}

struct link_dump {
    each_link each;
    void *context;
};

static void dump_link(void *context, const struct nlmsghdr *m)
{
    struct link_dump *d = context;
    struct link link;
    if (m->nlmsg_type != RTM_NEWLINK)
        return;
    read_link(m, &link);
    d->each(d->context, &link);
}

int netlink_links(struct netlink *nl, each_link each, void *context)
{
    return dump(nl, RTM_GETLINK, dump_link, &(struct link_dump){each, context});
}

struct neighbour_dump {
    each_neighbour each;
    void *context;
};

static void dump_neighbour(void *context, const struct nlmsghdr *m)
{
    struct neighbour_dump *d = context;
    struct neighbour n;
    if (m->nlmsg_type != RTM_NEWNEIGH && m->nlmsg_type != RTM_DELNEIGH)
        return;
    read_neighbour(m, &n);
    if (n.address.family) /* forwarding entries of bridges have none */
        d->each(d->context, &n);
}

int netlink_neighbours(struct netlink *nl, each_neighbour each, void *context)
{
    return dump(nl, RTM_GETNEIGH, dump_neighbour, &(struct neighbour_dump){each, context});
}

static size_t route_question(uint8_t *at, const struct ip_address *a, uint32_t sequence)
{
    struct request r = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof r.route), .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = sequence},
        .route = {.rtm_family = a->family, .rtm_dst_len = (uint8_t)(address_bytes(a) * 8)},
    };
    add_attribute(&r, RTA_DST, a->bytes, address_bytes(a));
    memcpy(at, &r, r.header.nlmsg_len);
    return NLMSG_ALIGN(r.header.nlmsg_len);
}

/* Every question is answered by exactly one message, a route or an error, with the question's number. */
static int route_batch(struct netlink *nl, const struct ip_address *addresses, uint32_t count, struct route *answers)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
    uint32_t first = nl->sequence + 1, answered = 0;
    size_t bytes_out = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes_out += route_question(buffer + bytes_out, &addresses[i], first + i);
    nl->sequence += count;
    if (send(nl->fd, buffer, bytes_out, 0) < 0)
        return -errno;
    while (answered < count) {
        int bytes, error = receive(nl, buffer, &bytes);
        if (error < 0)
            return error;
        for (const struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, bytes); m = NLMSG_NEXT(m, bytes)) {
            uint32_t i = m->nlmsg_seq - first;
            if (i >= count)
                continue;
            answered++;
            if (m->nlmsg_type == NLMSG_ERROR)
                answers[i] = (struct route){.error = -error_of(m)};
            else
                read_route(m, &answers[i]);
        }
    }
    return 0;
}

int netlink_routes(struct netlink *nl, const struct ip_address *addresses, size_t count, struct route *answers)
{
    for (size_t i = 0; i < count; i += ROUTES_PER_SEND) {
        size_t n = count - i < ROUTES_PER_SEND ? count - i : ROUTES_PER_SEND;
        int error = route_batch(nl, addresses + i, (uint32_t)n, answers + i);
        if (error < 0)
            return error;
    }
    return 0;
}

static size_t use_message(uint8_t *at, const struct neighbour *n, uint32_t sequence, bool is_last)
{
    struct request r = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof r.neighbour),
                   .nlmsg_type = RTM_NEWNEIGH,
                   .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | (is_last ? NLM_F_ACK : 0)),
                   .nlmsg_seq = sequence},
        .neighbour = {.ndm_family = n->address.family, .ndm_ifindex = (int)n->ifindex, .ndm_flags = NTF_USE},
    };
    add_attribute(&r, NDA_DST, n->address.bytes, address_bytes(&n->address));
    memcpy(at, &r, r.header.nlmsg_len);
    return NLMSG_ALIGN(r.header.nlmsg_len);
}

/* Refusals come one by one whether asked for or not; only want of privilege is of interest, the rest shows in the states. */
static int use_batch(struct netlink *nl, const struct neighbour *neighbours, uint32_t count)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
    uint32_t first = nl->sequence + 1;
    size_t bytes_out = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes_out += use_message(buffer + bytes_out, &neighbours[i], first + i, i == count - 1);
    nl->sequence += count;
    if (send(nl->fd, buffer, bytes_out, 0) < 0)
        return -errno;
    int result = 0;
    for (;;) {
        int bytes, error = receive(nl, buffer, &bytes);
        if (error < 0)
            return error;
        for (const struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, bytes); m = NLMSG_NEXT(m, bytes)) {
            if (m->nlmsg_seq - first >= count)
                continue;
            if (error_of(m) == -EPERM)
                result = -EPERM;
            if (m->nlmsg_seq == nl->sequence)
                return result;
        }
    }
}

int netlink_use_neighbours(struct netlink *nl, const struct neighbour *neighbours, size_t count)
{
    for (size_t i = 0; i < count; i += USES_PER_SEND) {
        size_t n = count - i < USES_PER_SEND ? count - i : USES_PER_SEND;
        int error = use_batch(nl, neighbours + i, (uint32_t)n);
        if (error < 0)
            return error;
    }
    return 0;
}

/* ---- News ---- */

int netlink_news(struct netlink *nl, struct news *news, each_neighbour each, void *context)
{
    _Alignas(struct nlmsghdr) uint8_t buffer[RECEIVE_BYTES];
    *news = (struct news){0};
    for (;;) {
        int bytes, error = receive(nl, buffer, &bytes);
        if (error == -EAGAIN)
            return 0;
        if (error == -ENOBUFS) {
            news->overrun = true;
            continue;
        }
        if (error < 0)
            return error;
        for (const struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, bytes); m = NLMSG_NEXT(m, bytes)) {
            if (m->nlmsg_type == RTM_NEWLINK || m->nlmsg_type == RTM_DELLINK)
                news->links = true;
            else if (m->nlmsg_type == RTM_NEWNEIGH || m->nlmsg_type == RTM_DELNEIGH)
                dump_neighbour(&(struct neighbour_dump){each, context}, m);
            else
                news->routes = true;
        }
    }
}
