/* The packet core inside the driver: the same walk as every other engine, over BPF arrays (docs/packet-path.md).
 *
 * An XDP program. What is forwarded or answered leaves by the device that it came from (XDP_TX); what is not for a VIP goes
 * to the kernel untouched. Guarantees the verdicts, bytes and counters of the memory engine, which the packet fixtures hold
 * it to through BPF_PROG_RUN. Built by clang 14 and 19. Leaves out the sweep of the flow table: that needs no packet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h> /* before the core, whose always_inline it would stumble over */
#define TORII_BPF 1
#include "../core/forward.h"

/* Where this worker's parts of the tables lie. */
static always_inline struct core core_of(const struct control_in *in, volatile u64 *scratch_word)
{
    return (struct core){
        .scratch = scratch_word,
        .snapshot_first = in->snapshot_first,
        .flow_first = in->flow_first,
        .flow_mask = in->flow_mask,
        .counter_first = in->counter_first,
        .vip_counters = in->vip_counters,
        .backend_counters = in->backend_counters,
        .tenant_counters = in->tenant_counters,
    };
}

static always_inline void adopt(const struct core *core)
{
    u64 *adopted = counter(core, core->counter_first, WORD_OF(worker_counters, generation));
    if (adopted)
        *adopted = core->header->generation;
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
    out->is_handed_over = p->is_handed_over;
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
    u32 first = 0;
    const struct control_in *in = bpf_map_lookup_elem(&control, &first);
    u64 *scratch_word = bpf_map_lookup_elem(&scratch, &first);
    if (!in || !scratch_word)
        return XDP_PASS;
    struct core core = core_of(in, scratch_word);
    struct packet packet = {.engine = ctx, .verdict = VERDICT_PASS};
    take_bounds(&packet);
    packet.in_len = (u32)(packet.end - packet.data);
    if (in->generation != 0 && core_begin(&core, in->has_clock ? in->now_ns : bpf_ktime_get_ns())) {
        adopt(&core);
        core_parse(&core, &packet);
        core_steer(&core, &packet);
    }
    struct tally tally = {0, 0, 0};
    core_finish(&core, &packet, &tally);
    core_end(&core, &tally);
    report(&packet);
    return action(packet.verdict);
}

char _license[] SEC("license") = "GPL";
