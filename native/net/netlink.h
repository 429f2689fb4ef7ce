/* Route netlink (rfc3549, rtnetlink(7)) as far as a balancer needs it: links, routes, neighbours, and news of them.
 *
 * Calls block only for as long as the kernel takes to answer. One thread per socket. Errors are negative errno. */
#pragma once
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netlink {
    int fd;
    uint32_t sequence;
};

struct ip_address {
    uint8_t family; /* AF_INET, AF_INET6; 0: none */
    uint8_t bytes[16];
};

struct link {
    uint32_t ifindex, mtu;
    uint16_t type; /* ARPHRD_* */
    bool is_up;    /* set up, and with carrier */
    uint8_t mac[6];
    char name[16];
    char kind[16];   /* "bond", "vlan", ...; empty: a card, or what looks like one */
    uint32_t master; /* the bond, bridge or VRF it belongs to; 0: none */
    uint32_t lower;  /* the device of this namespace that it lies on, or is the other end of; 0: none */
};

struct neighbour {
    uint32_t ifindex;
    uint16_t state; /* NUD_*; 0: forgotten */
    bool has_mac;
    uint8_t mac[6];
    struct ip_address address;
};

struct route {
    int error; /* errno: why there is none */
    uint8_t type; /* RTN_* */
    bool has_encap; /* the kernel would wrap what goes by it (SRv6, MPLS, ip route add ... encap) */
    uint32_t ifindex, mtu; /* mtu 0: the link's */
    struct ip_address gateway, source;
};

/* What happened since the last look. `overrun`: something was missed, look at everything again. */
struct news {
    bool links, routes, overrun;
};

typedef void (*each_link)(void *context, const struct link *link);
typedef void (*each_neighbour)(void *context, const struct neighbour *neighbour);

/* All that may change where a packet goes: rules and next-hop objects, too, which change what routes say without a word of those. */
#define NETLINK_GROUP(group) (1u << ((group) - 1))
#define NETLINK_NEWS \
    (RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | NETLINK_GROUP(RTNLGRP_IPV4_RULE) | \
     NETLINK_GROUP(RTNLGRP_IPV6_RULE) | NETLINK_GROUP(RTNLGRP_NEXTHOP))

/* `groups` is a mask of RTMGRP_*; 0: a socket for questions only. */
int netlink_open(struct netlink *nl, uint32_t groups);
void netlink_close(struct netlink *nl);

int netlink_links(struct netlink *nl, each_link each, void *context);
int netlink_neighbours(struct netlink *nl, each_neighbour each, void *context);

/* One answer per address, in order. Questions go in batches, about 3 us each. */
int netlink_routes(struct netlink *nl, const struct ip_address *addresses, size_t count, struct route *answers);

/* Has the kernel find out, or confirm, where a neighbour is; it then needs CAP_NET_ADMIN. -EPERM without. */
int netlink_use_neighbours(struct netlink *nl, const struct neighbour *neighbours, size_t count);

/* Drains a socket opened with groups; never waits. Neighbours are told one by one. */
int netlink_news(struct netlink *nl, struct news *news, each_neighbour each, void *context);
