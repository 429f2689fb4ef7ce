/* Keeps the kernel's hands off VIP traffic that af_packet takes a copy of: at a device's ingress, behind the packet sockets.
 *
 * Without it the kernel would forward such packets a second time where it is a router, answer them where a VIP is an address of this
 * host or has no IPv6 route, and track or reject them where it is a firewall. What is not addressed to this host, and neighbour
 * discovery and multicast listeners, stay the kernel's, and past its deadline everything does: where it is attached in a way that
 * outlives the balancer. Its maps are those of steer.c, filled by dataplane/steering.c, and that deadline; attached by
 * dataplane/shield.c. Built by clang 14 and 19, loaded without BTF: no data sections, no calls. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "shield.h"
#include "vip_set.h"

#define PASS_ON (-1) /* TCX_NEXT, younger than Debian 12's headers, and TC_ACT_UNSPEC: whoever else is attached */
#define DROP 2 /* TC_ACT_SHOT */

MAP(shield_until, BPF_MAP_TYPE_ARRAY, __u32, __u64, 1);

static __always_inline int drop(void)
{
    __u32 only = 0;
    const __u64 *until = bpf_map_lookup_elem(&shield_until, &only);
    return until && (*until == SHIELD_FOR_EVER || bpf_ktime_get_ns() < *until) ? DROP : PASS_ON;
}

/* Behind extension headers, which end a chain after six: what is longer is for the core to refuse. */
static __always_inline int is_link_message(struct __sk_buff *skb, __u8 next)
{
    __u32 at = ETH_HLEN + sizeof(struct ipv6hdr);
    __u8 header[2];
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
            break;
        if (bpf_skb_load_bytes(skb, at, header, sizeof(header)))
            return 0;
        next = header[0];
        at += 8 + 8 * (__u32)header[1];
    }
    return next == IPPROTO_ICMPV6 && bpf_skb_load_bytes(skb, at, header, 1) == 0 && is_link_type(header[0]);
}

static __always_inline int judge_ipv6(struct __sk_buff *skb)
{
    struct steer_address address;
    __u8 next;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, daddr), &address, sizeof(address)) ||
        bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, nexthdr), &next, sizeof(next)) || !is_vip(&address))
        return PASS_ON;
    return may_be_link_message(next) && is_link_message(skb, next) ? PASS_ON : drop();
}

SEC("tcx")
int shield(struct __sk_buff *skb)
{
    struct steer_address address = {{0, 0, bpf_htonl(0xffff), 0}};
    if (skb->pkt_type != PACKET_HOST || has_foreign_tag(skb))
        return PASS_ON;
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, daddr), &address.word[3], 4))
            return PASS_ON;
        return is_vip(&address) ? drop() : PASS_ON;
    }
    return skb->protocol == bpf_htons(ETH_P_IPV6) ? judge_ipv6(skb) : PASS_ON;
}

char _license[] SEC("license") = "GPL";
