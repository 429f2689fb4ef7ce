/* What generate.c runs in the kernel: an XDP program that writes frame after frame (BPF_PROG_RUN with live frames) and sends
 * each by the device of the plan, and a tc program that counts what comes back there and drops it.
 *
 * Every frame is written whole: whoever had its page before may have changed any byte. Flow numbers are scattered, so that
 * one follows the other nowhere near. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "frame.h"

#define IP_CHECK 24
#define IP_SOURCE 26
#define TCP_SOURCE 34
#define TCP_CHECK 50
#define SCATTER 0x9e3779b1u /* odd: no number comes twice before all have come */

const volatile struct frame_plan plan;

__u64 frames; /* one thread at a time runs the generator */

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} arrived SEC(".maps");

static __u16 folded(__u32 sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return bpf_htons((__u16)~sum);
}

SEC("xdp")
int torii_generate(struct xdp_md *context)
{
    unsigned char *frame = (void *)(long)context->data;
    if (frame + FRAME_BYTES > (unsigned char *)(long)context->data_end)
        return XDP_DROP;
    __u32 flow = (__u32)frames++ * SCATTER & plan.flow_mask;
    __u32 source = SOURCE_NET + (flow >> PORT_BITS);
    __u32 port = FIRST_PORT + (flow & ((1u << PORT_BITS) - 1));
    __u32 both = (source >> 16) + (source & 0xffff);
#pragma unroll
    for (int i = 0; i < HEADER_BYTES; i += 2)
        *(__u16 *)(frame + i) = *(const volatile __u16 *)(plan.header + i);
    *(__u16 *)(frame + IP_SOURCE) = bpf_htons(source >> 16);
    *(__u16 *)(frame + IP_SOURCE + 2) = bpf_htons(source & 0xffff);
    *(__u16 *)(frame + TCP_SOURCE) = bpf_htons(port);
    *(__u16 *)(frame + IP_CHECK) = folded(plan.ip_sum + both);
    *(__u16 *)(frame + TCP_CHECK) = folded(plan.tcp_sum + both + port);
    return bpf_redirect(plan.device, 0);
}

/* Forwarded frames are TCP as it was sent, or IP in IP. What else comes, as ARP, goes on to the kernel. */
SEC("tc")
int torii_count(struct __sk_buff *skb)
{
    __u8 protocol;
    __u32 zero = 0;
    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, ETH_HLEN + 9, &protocol, 1) < 0)
        return TC_ACT_OK;
    if (protocol != IPPROTO_IPIP && protocol != IPPROTO_TCP)
        return TC_ACT_OK;
    __u64 *count = bpf_map_lookup_elem(&arrived, &zero);
    if (count)
        ++*count;
    return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";
