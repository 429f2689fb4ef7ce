/* Stands in for a device where the core in the kernel is measured: BPF_PROG_RUN runs one frame again and again, and this program
 * makes of what the last run left a fresh packet of one of N flows, then goes on to the program in PROGRAMS by a tail call.
 *
 * That is the balancer, or `nothing`: what a packet costs here, without the core, is what is to be subtracted. The frame is IPv4
 * without VLAN tag; only what the core changes (outer header, MACs, TTL, checksum) and the flow's source are written. */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "scatter.h"

#define SCATTER 0x9e3779b97f4a7c15ull
#define ETH_BYTES 14
#define HEADERS (ETH_BYTES + 20 + 4)
#define CLIENTS 0xac100000u /* 172.16.0.0 */
#define VIP_PORT 80
#define TTL_PROTOCOL_CHECKSUM 0x00000640 /* 64, TCP; a wrong checksum stays wrong */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scattering);
} scattering SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(__u32));
} programs SEC(".maps");

SEC("xdp")
int nothing(struct xdp_md *ctx)
{
    (void)ctx;
    return XDP_TX;
}

/* Stores as wide as the core's loads: a load of two stores' bytes waits for both to reach the cache. */
static __always_inline void write_flow(__u8 *data, __u32 flow)
{
    __u8 *ip = data + ETH_BYTES;
    *(__u32 *)data = 0x02;
    *(__u32 *)(data + 4) = 0x00020100;
    *(__u32 *)(data + 8) = 0x09000000;
    *(__u16 *)(data + 12) = bpf_htons(0x0800);
    *(__u32 *)(ip + 8) = TTL_PROTOCOL_CHECKSUM;
    *(__u32 *)(ip + 12) = bpf_htonl(CLIENTS + (flow >> 8));
    *(__u32 *)(ip + 20) = bpf_htonl((1024 + (flow & 255)) << 16 | VIP_PORT);
}

SEC("xdp")
int scatter(struct xdp_md *ctx)
{
    __u32 only = 0;
    struct scattering *s = bpf_map_lookup_elem(&scattering, &only);
    if (!s || s->flows == 0)
        return XDP_ABORTED;
    long length = (long)ctx->data_end - (long)ctx->data;
    asm volatile("" : "+r"(length)); /* else clang subtracts in 32 bits, which pointers may not be */
    /* Called even where nothing has grown, so that both ways to PROGRAMS cost the same. */
    if (bpf_xdp_adjust_head(ctx, (int)(length - (long)s->frame_bytes)))
        return XDP_ABORTED;
    __u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
    if (data + HEADERS > end)
        return XDP_ABORTED;
    write_flow(data, (__u32)(s->packets * SCATTER >> 20) % s->flows);
    s->packets++;
    bpf_tail_call(ctx, &programs, 0);
    return XDP_ABORTED;
}

char _license[] SEC("license") = "GPL";
