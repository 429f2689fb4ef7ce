/* Steers what is for a VIP to the AF_XDP socket of its queue; everything else is the kernel's, untouched.
 *
 * Ethernet to this device's own address, at most one 802.1Q tag, and an IPv4 or IPv6 header whose destination is a VIP address or
 * lies in a VIP prefix: what is odd behind that is for the core to judge. Neighbour discovery and multicast listeners stay the
 * kernel's for VIPs, too. An ICMP error to one of our outer source addresses that quotes a tunnel header is the kernel's, and the
 * core reads a copy of it (docs/engines.md). A queue without a socket passes everything. Its maps are made and filled by
 * dataplane/steering.c. Built by clang 14 and 19, loaded without BTF: no data sections, no calls. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "vip_set.h"

#define IPV4_FRAGMENT 0x3fff /* more-fragments and offset */
#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMPV6_ERROR_FIRST 1 /* unreachable, too big, time exceeded */
#define ICMPV6_ERROR_LAST 3

MAP(port, BPF_MAP_TYPE_ARRAY, __u32, struct steer_port, 1);
MAP(sockets, BPF_MAP_TYPE_XSKMAP, __u32, __u32, STEER_QUEUES_MAX);
MAP(copies, BPF_MAP_TYPE_RINGBUF, __u32, __u32, STEER_COPIES_BYTES);

struct vlan_tag {
    __be16 tci;
    __be16 type;
};

struct icmp {
    __u8 type;
    __u8 rest[7];
};

static __always_inline int take(struct xdp_md *ctx)
{
    return (int)bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
}

/* Shows the core what the kernel gets. With the ring full the kernel alone has it. */
static __always_inline int show(struct xdp_md *ctx)
{
    __u64 bytes = bpf_xdp_get_buff_len(ctx); /* a difference of pointers would need CAP_PERFMON */
    if (bytes == 0 || bytes > STEER_COPY_FRAME)
        return XDP_PASS;
    struct steer_copy *copy = bpf_ringbuf_reserve(&copies, sizeof(*copy), 0);
    if (!copy)
        return XDP_PASS;
    copy->bytes = (__u32)bytes;
    if (bpf_xdp_load_bytes(ctx, 0, copy->frame, (__u32)bytes))
        bpf_ringbuf_discard(copy, 0);
    else
        bpf_ringbuf_submit(copy, 0);
    return XDP_PASS;
}

static __always_inline int is_tunnel(__u8 protocol)
{
    return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

static __always_inline int steer_ipv4(struct xdp_md *ctx, const struct iphdr *ip, const void *end)
{
    if ((const void *)(ip + 1) > end || ip->version != 4)
        return XDP_PASS;
    struct steer_address address = {{0, 0, bpf_htonl(0xffff), ip->daddr}};
    if (is_vip(&address))
        return take(ctx);
    const struct icmp *icmp = (const void *)(ip + 1);
    const struct iphdr *quoted = (const void *)(icmp + 1);
    if (ip->protocol != IPPROTO_ICMP || ip->ihl != 5 || ip->frag_off & bpf_htons(IPV4_FRAGMENT) || (const void *)(quoted + 1) > end)
        return XDP_PASS;
    int is_error = icmp->type == ICMP_UNREACHABLE || icmp->type == ICMP_TIME_EXCEEDED;
    return is_error && is_tunnel(quoted->protocol) && is_in(&sources, &address) ? show(ctx) : XDP_PASS;
}

/* Behind extension headers, which end a chain after six: what is longer is for the core to refuse. Bytes are copied out, for a
 * pointer moved by what a packet says would need CAP_PERFMON. */
static __always_inline int is_link_message(struct xdp_md *ctx, __u32 at, __u8 next)
{
    __u8 header[2];
    for (int i = 0; i < EXTENSIONS_MAX; i++) {
        if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS)
            break;
        if (bpf_xdp_load_bytes(ctx, at, header, sizeof(header)))
            return 0;
        next = header[0];
        at += 8 + 8 * (__u32)header[1];
    }
    return next == IPPROTO_ICMPV6 && bpf_xdp_load_bytes(ctx, at, header, 1) == 0 && is_link_type(header[0]);
}

static __always_inline int steer_ipv6(struct xdp_md *ctx, const struct ipv6hdr *ip, const void *end, __u32 at)
{
    if ((const void *)(ip + 1) > end || ip->version != 6)
        return XDP_PASS;
    struct steer_address address;
    __builtin_memcpy(&address, &ip->daddr, sizeof(address));
    if (is_vip(&address))
        return may_be_link_message(ip->nexthdr) && is_link_message(ctx, at + sizeof(*ip), ip->nexthdr) ? XDP_PASS : take(ctx);
    const struct icmp *icmp = (const void *)(ip + 1);
    const struct ipv6hdr *quoted = (const void *)(icmp + 1);
    if (ip->nexthdr != IPPROTO_ICMPV6 || (const void *)(quoted + 1) > end)
        return XDP_PASS;
    int is_error = icmp->type >= ICMPV6_ERROR_FIRST && icmp->type <= ICMPV6_ERROR_LAST;
    return is_error && is_tunnel(quoted->nexthdr) && is_in(&sources, &address) ? show(ctx) : XDP_PASS;
}

SEC("xdp")
int steer(struct xdp_md *ctx)
{
    const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
    const struct ethhdr *ethernet = data;
    __u32 only = 0;
    const struct steer_port *own = bpf_map_lookup_elem(&port, &only);
    if (!own || (const void *)(ethernet + 1) > end)
        return XDP_PASS;
    for (int i = 0; i < ETH_ALEN; i++)
        if (ethernet->h_dest[i] != own->mac[i])
            return XDP_PASS;
    const void *l3 = ethernet + 1;
    __u32 at = sizeof(*ethernet);
    __be16 type = ethernet->h_proto;
    if (type == bpf_htons(ETH_P_8021Q)) {
        const struct vlan_tag *tag = l3;
        if ((const void *)(tag + 1) > end)
            return XDP_PASS;
        type = tag->type;
        l3 = tag + 1;
        at += sizeof(*tag);
    }
    if (type == bpf_htons(ETH_P_IP))
        return steer_ipv4(ctx, l3, end);
    return type == bpf_htons(ETH_P_IPV6) ? steer_ipv6(ctx, l3, end, at) : XDP_PASS;
}

char _license[] SEC("license") = "GPL";
