/* What VIP traffic is, for the programs that tell it from the kernel's (steer.c, shield.c, tap.c): the addresses and prefixes of all VIPs, and
 * which messages to them stay the kernel's all the same. Made and filled by dataplane/steering.c. */
#pragma once
#include "steer.h"

#define EXTENSIONS_MAX 6
#define MAPPED_BITS 96
#define ICMPV6_LINK_FIRST 130 /* multicast listeners and neighbour discovery: 130 to 137 */
#define ICMPV6_LINK_LAST 137
#define ICMPV6_MLD2 143

#define MAP(map_name, map_type, key_type, value_type, entries) \
    struct { \
        __uint(type, map_type); \
        __uint(max_entries, entries); \
        __type(key, key_type); \
        __type(value, value_type); \
    } map_name SEC(".maps")

MAP(vips, BPF_MAP_TYPE_HASH, struct steer_address, __u32, STEER_VIPS_MAX);
MAP(vip_prefixes, BPF_MAP_TYPE_LPM_TRIE, struct steer_prefix, __u32, STEER_VIPS_MAX);
MAP(prefix_count, BPF_MAP_TYPE_ARRAY, __u32, __u32, 1);
MAP(sources, BPF_MAP_TYPE_LPM_TRIE, struct steer_prefix, __u32, STEER_SOURCES_MAX); /* ours, of outer packets */

/* Whether a trie holds the address; an IPv6 prefix as short as ::/0 holds no IPv4 address. */
static __always_inline int is_in(void *trie, const struct steer_address *address)
{
    struct steer_prefix key = {.bits = 128, .address = *address};
    const __u32 *bits = bpf_map_lookup_elem(trie, &key);
    int is_mapped = !address->word[0] && !address->word[1] && address->word[2] == bpf_htonl(0xffff);
    return bits && (*bits >= MAPPED_BITS || !is_mapped);
}

static __always_inline int is_vip(const struct steer_address *address)
{
    __u32 only = 0;
    if (bpf_map_lookup_elem(&vips, address))
        return 1;
    const __u32 *count = bpf_map_lookup_elem(&prefix_count, &only);
    return count && *count && is_in(&vip_prefixes, address);
}

/* A service tag (802.1ad) is none that the core takes. */
static __always_inline int has_foreign_tag(const struct __sk_buff *skb)
{
    return skb->vlan_present && skb->vlan_proto != bpf_htons(ETH_P_8021Q);
}

/* Most packets have no extension header and are no ICMP. */
static __always_inline int may_be_link_message(__u8 next)
{
    return next != IPPROTO_TCP && next != IPPROTO_UDP && next != IPPROTO_FRAGMENT;
}

static __always_inline int is_link_type(int type)
{
    return (type >= ICMPV6_LINK_FIRST && type <= ICMPV6_LINK_LAST) || type == ICMPV6_MLD2;
}
