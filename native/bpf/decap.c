/* Decapsulation at a backend: takes the balancer's outer header off packets for this host's VIPs.
 *
 * A tc ingress program (clsact): unlike XDP it needs nothing of the driver and leaves partial checksums and
 * super-frames as they are, so that GRO and TSO stay on. 4-in-4, 6-in-6, and 4-in-6 / 6-in-4 where the kernel can
 * change a packet's protocol (Linux 6.3). Guarantees: only a packet to one of this host's own addresses whose inner
 * destination is one of its VIPs is touched; everything else, other people's tunnels too, is the kernel's. The outer
 * source is not looked at: balancers come and go, and an inner packet to a VIP is what any client may send anyway.
 * ECN as RFC 6040 section 4.2, except the rare ECT(1) over ECT(0). Outer fragments are left to the kernel: balancers
 * never make any. Built by clang 14 and 19; the map is filled by decap_load.c before the program is attached. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "decap.h"

/* Not in the headers of Linux 6.1; kernels that do not know them refuse with EINVAL and leave the packet alone. */
#define DECAP_L3_IPV4 (1ULL << 7)
#define DECAP_L3_IPV6 (1ULL << 8)

#define ECN_MASK 3
#define ECN_CE 3
#define IPV4_FRAGMENT 0x3fff /* more-fragments and offset */
#define IPV4_PLAIN 0x45      /* version 4, no options */

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(max_entries, DECAP_MAX_ADDRESSES);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct decap_key);
    __type(value, __u32);
} addresses SEC(".maps");

static __always_inline int has_role(const struct decap_key *key, __u32 role)
{
    const __u32 *found = bpf_map_lookup_elem(&addresses, key);
    return found && *found == role;
}

static __always_inline int is_ipv4(__be32 address, __u32 role)
{
    struct decap_key key = {.prefix_bits = 128, .address = {0, 0, bpf_htonl(0xffff), address}};
    return has_role(&key, role);
}

static __always_inline int is_ipv6(const struct in6_addr *address, __u32 role)
{
    struct decap_key key = {.prefix_bits = 128};
    __builtin_memcpy(key.address, address, sizeof(key.address));
    return has_role(&key, role);
}

/* What the outer header says. `inner_protocol` is an EtherType; 0 means: not for us. */
struct outer {
    __u32 header_bytes;
    __u16 inner_protocol;
    __u8 ecn;
};

static __always_inline __u16 inner_protocol(__u8 next_header)
{
    if (next_header == IPPROTO_IPIP)
        return ETH_P_IP;
    return next_header == IPPROTO_IPV6 ? ETH_P_IPV6 : 0;
}

static __always_inline struct outer read_outer_ipv4(const struct iphdr *ip, const void *end)
{
    struct outer none = {0};
    if ((const void *)(ip + 1) > end || *(const __u8 *)ip != IPV4_PLAIN || (ip->frag_off & bpf_htons(IPV4_FRAGMENT)))
        return none;
    if (!inner_protocol(ip->protocol) || !is_ipv4(ip->daddr, DECAP_OUTER))
        return none;
    return (struct outer){sizeof(*ip), inner_protocol(ip->protocol), ip->tos & ECN_MASK};
}

static __always_inline struct outer read_outer_ipv6(const struct ipv6hdr *ip, const void *end)
{
    struct outer none = {0};
    if ((const void *)(ip + 1) > end || ip->version != 6)
        return none;
    if (!inner_protocol(ip->nexthdr) || !is_ipv6(&ip->daddr, DECAP_OUTER))
        return none;
    /* The traffic class straddles the first two bytes; its low two bits are ECN. */
    return (struct outer){sizeof(*ip), inner_protocol(ip->nexthdr), (ip->flow_lbl[0] >> 4) & ECN_MASK};
}

static __always_inline int is_for_vip(const void *inner, const void *end, __u16 protocol)
{
    if (protocol == ETH_P_IP) {
        const struct iphdr *ip = inner;
        return (const void *)(ip + 1) <= end && ip->version == 4 && ip->ihl >= 5 && is_ipv4(ip->daddr, DECAP_VIP);
    }
    const struct ipv6hdr *ip = inner;
    return (const void *)(ip + 1) <= end && ip->version == 6 && is_ipv6(&ip->daddr, DECAP_VIP);
}

/* Removes the outer header. After it the packet's data has moved: nothing read before may be used. */
static __always_inline long strip(struct __sk_buff *skb, struct outer outer, __u16 outer_protocol)
{
    /* A super-frame's segments were sized by the sender for the inner packet: they must not grow. */
    __u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
    if (outer.inner_protocol != outer_protocol)
        flags |= outer.inner_protocol == ETH_P_IP ? DECAP_L3_IPV4 : DECAP_L3_IPV6;
    return bpf_skb_adjust_room(skb, -(__s32)outer.header_bytes, BPF_ADJ_ROOM_MAC, flags);
}

SEC("tc")
int torii_decap(struct __sk_buff *skb)
{
    __u16 protocol = bpf_ntohs((__u16)skb->protocol);
    if (skb->pkt_type != PACKET_HOST || (protocol != ETH_P_IP && protocol != ETH_P_IPV6))
        return TC_ACT_UNSPEC;
    /* Headers may lie outside the linear part; a shorter packet pulls what it has. */
    __u32 wanted = ETH_HLEN + 2 * sizeof(struct ipv6hdr);
    if (bpf_skb_pull_data(skb, skb->len < wanted ? skb->len : wanted))
        return TC_ACT_UNSPEC;

    const void *data = (const void *)(long)skb->data, *end = (const void *)(long)skb->data_end;
    const void *l3 = data + ETH_HLEN;
    struct outer outer = protocol == ETH_P_IP ? read_outer_ipv4(l3, end) : read_outer_ipv6(l3, end);
    if (!outer.inner_protocol)
        return TC_ACT_UNSPEC;
    const void *inner = protocol == ETH_P_IP ? l3 + sizeof(struct iphdr) : l3 + sizeof(struct ipv6hdr);
    if (!is_for_vip(inner, end, outer.inner_protocol) || strip(skb, outer, protocol))
        return TC_ACT_UNSPEC;

    if (outer.inner_protocol != protocol) {
        __be16 type = bpf_htons(outer.inner_protocol);
        bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_proto), &type, sizeof(type), 0);
    }
    /* Congestion was signalled to a flow that can't hear it: the loss has to tell it. */
    if (outer.ecn == ECN_CE && !bpf_skb_ecn_set_ce(skb))
        return TC_ACT_SHOT;
    return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
