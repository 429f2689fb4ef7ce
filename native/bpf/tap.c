/* What of a device's packets af_packet's sockets take a copy of: those for VIPs, and ICMP errors to our outer source addresses, for which
 * the core looks. All else costs this look-up and no copy, and wakes no worker.
 *
 * Its maps are those of steer.c, filled by dataplane/steering.c; attached by dataplane/shield.c. Built by clang 14 and 19, loaded
 * without BTF: no data sections, no calls. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "vip_set.h"

#define WHOLE 0xffffffffu
#define NOTHING 0
#define ICMPV6_FIRST_QUERY 128 /* those before it are errors (RFC 4443 2.1) */

static __always_inline int load_u8(struct __sk_buff *skb, __u32 offset)
{
    __u8 v;
    return bpf_skb_load_bytes(skb, offset, &v, 1) ? -1 : v;
}

SEC("socket")
unsigned int tap(struct __sk_buff *skb)
{
    struct steer_address address = {{0, 0, bpf_htonl(0xffff), 0}};
    if (skb->pkt_type != PACKET_HOST || has_foreign_tag(skb))
        return NOTHING;
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        if (bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, daddr), &address.word[3], 4))
            return NOTHING;
        if (is_vip(&address))
            return WHOLE;
        return load_u8(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, protocol)) == IPPROTO_ICMP && is_in(&sources, &address) ? WHOLE : NOTHING;
    }
    if (skb->protocol != bpf_htons(ETH_P_IPV6))
        return NOTHING;
    if (bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, daddr), &address, sizeof(address)))
        return NOTHING;
    if (is_vip(&address))
        return WHOLE;
    if (load_u8(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, nexthdr)) != IPPROTO_ICMPV6 || !is_in(&sources, &address))
        return NOTHING;
    int type = load_u8(skb, ETH_HLEN + sizeof(struct ipv6hdr));
    return type >= 0 && type < ICMPV6_FIRST_QUERY ? WHOLE : NOTHING;
}

char _license[] SEC("license") = "GPL";
