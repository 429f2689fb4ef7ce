/* Test tool: a tc ingress program that puts an outer IPv4 header around TCP to 203.0.113.10, as a balancer would, and
 * lets the kernel route the result. Stands in for a balancer where only a backend's host agent is under test. The
 * device needs accept_local, since the outer source is an address of this host. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define VIP 0xcb00710a     /* 203.0.113.10 */
#define BALANCER 0x0a630201 /* 10.99.2.1 */
#define BACKEND 0x0a630215  /* 10.99.2.21 */

static __always_inline __u16 checksum(const struct iphdr *ip)
{
    __u32 sum = 0;
    const __u16 *words = (const __u16 *)ip;
#pragma unroll
    for (int i = 0; i < 10; i++)
        sum += words[i];
    sum = (sum & 0xffff) + (sum >> 16);
    return (__u16) ~((sum & 0xffff) + (sum >> 16));
}

SEC("tc")
int test_encap(struct __sk_buff *skb)
{
    struct iphdr inner;
    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN, &inner, sizeof(inner)))
        return TC_ACT_OK;
    if (inner.daddr != bpf_htonl(VIP) || inner.protocol != IPPROTO_TCP)
        return TC_ACT_OK;
    struct iphdr outer = {.version = 4, .ihl = 5, .tos = inner.tos, .ttl = 64, .protocol = IPPROTO_IPIP,
                          .tot_len = bpf_htons(bpf_ntohs(inner.tot_len) + sizeof(outer)), .frag_off = bpf_htons(0x4000),
                          .saddr = bpf_htonl(BALANCER), .daddr = bpf_htonl(BACKEND)};
    outer.check = checksum(&outer);
    if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_FIXED_GSO))
        return TC_ACT_SHOT;
    return bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

char _license[] SEC("license") = "Dual BSD/GPL";
