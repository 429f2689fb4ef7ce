/* What xsk_loop.c runs in the kernel: every IPv4 frame goes to its socket. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int torii_to_socket(struct xdp_md *context)
{
    struct ethhdr *ether = (void *)(long)context->data;
    if ((void *)(ether + 1) > (void *)(long)context->data_end || ether->h_proto != bpf_htons(ETH_P_IP))
        return XDP_PASS;
    return bpf_redirect_map(&sockets, 0, XDP_PASS);
}

char _license[] SEC("license") = "GPL";
