/* The packet core inside the driver: the same walk as every other engine, over BPF arrays (docs/packet-path.md).
 *
 * An XDP program. What is forwarded or answered leaves by the device that it came from (XDP_TX); what is not for a VIP goes
 * to the kernel untouched. Guarantees the verdicts, bytes and counters of the memory engine, which the packet fixtures hold
 * it to through BPF_PROG_RUN. Built by clang 14 and 19. Leaves out the sweep of the flow table: that needs no packet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h> /* before the core, whose always_inline it would stumble over */
#define TORII_BPF 1
#include "../core/forward.h"

static always_inline bool begin(struct core *core, const struct control_in *in)
{
    u32 key = 0;
    core->scratch = bpf_map_lookup_elem(&scratch, &key);
    if (!core->scratch)
        return false;
    core->snapshot_first = in->snapshot_first;
    core->flow_first = in->flow_first;
    core->flow_mask = in->flow_mask;
    core->counter_first = in->counter_first;
    core->vip_counters = in->vip_counters;
    core->backend_counters = in->backend_counters;
    core->tenant_counters = in->tenant_counters;
    return core_begin(core, in->now_ns ? in->now_ns : bpf_ktime_get_ns());
}

static always_inline void report(const struct packet *p)
{
    u32 key = CONTROL_OUT;
    struct control_out *out = bpf_map_lookup_elem(&control, &key);
    if (!out)
        return;
    out->verdict = p->verdict;
    out->flow = p->flow;
    out->vip = p->vip;
    out->tenant = p->tenant;
    out->backend = p->backend;
    out->device = p->device;
    out->out_len = p->out_len;
}

static always_inline int action(u8 verdict)
{
    switch (verdict) {
    case VERDICT_PASS: return XDP_PASS;
    case VERDICT_FORWARD: case VERDICT_ECHO: case VERDICT_TOO_BIG: case VERDICT_TIME_EXCEEDED: return XDP_TX;
    default: return XDP_DROP;
    }
}

SEC("xdp")
int balancer(struct xdp_md *ctx)
{
    u32 key = CONTROL_IN;
    const struct control_in *in = bpf_map_lookup_elem(&control, &key);
    struct core core;
    if (!in || in->generation == 0 || !begin(&core, in))
        return XDP_PASS;
    u64 *adopted = counter(&core, core.counter_first, WORD_OF(worker_counters, generation));
    if (adopted)
        *adopted = core.header->generation;
    struct packet packet = {.engine = ctx};
    take_bounds(&packet);
    core_parse(&core, &packet);
    core_steer(&core, &packet);
    core_finish(&core, &packet);
    report(&packet);
    return action(packet.verdict);
}

char _license[] SEC("license") = "GPL";
