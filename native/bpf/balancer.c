/* The packet core inside the driver: the same walk as every other engine, over BPF arrays (docs/packet-path.md).
 *
 * Three XDP programs, since the verifier can't follow the whole core in one: `balancer` takes the packet apart and settles what
 * is for a VIP of exactly its port; ICMP and all the rest it leaves to the others by tail calls. What is forwarded or answered
 * leaves by the device that it came from (XDP_TX); what is not for a VIP, and what is handed over, goes to the kernel untouched.
 * Guarantees the verdicts, bytes and counters of the memory engine, which the packet fixtures hold it to through BPF_PROG_RUN.
 * Built by clang 14 and 19. Leaves out the sweep of the flow table: that needs no packet. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h> /* before the core, whose always_inline it would stumble over */
#define TORII_BPF 1
#include "../core/forward.h"
#include "apart.h"

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

/* What every program does at its end. */
static always_inline int finish(const struct core *core, struct packet *p)
{
    struct tally tally = {0, 0, 0};
    core_finish(core, p, &tally);
    core_end(core, &tally);
    report(p);
    return action(p->verdict);
}

/* Before there is a snapshot. */
static always_inline int pass(const struct core *core, const struct packet *p)
{
    struct tally tally = {1, p->in_len, 0};
    count(core, core->counter_first, WORD_OF(worker_counters, verdict) + VERDICT_PASS, 1);
    core_end(core, &tally);
    report(p);
    return XDP_PASS;
}

/* A program that goes on with the packet where `balancer` parked it. */
#define GOES_ON(name, steer) \
    SEC("xdp") \
    int name(struct xdp_md *ctx) \
    { \
        const struct parked *place = parking_place(); \
        struct packet packet; \
        struct core core; \
        if (!place || !core_again(&core)) \
            return XDP_DROP; \
        unpark(&packet, place, ctx); \
        packet.verdict = steer(&core, &packet); \
        return finish(&core, &packet); \
    }

GOES_ON(balancer_icmp, steer_icmp)
GOES_ON(balancer_other, steer_other)

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, STEER_OTHER + 1);
    __uint(key_size, sizeof(u32)); /* this kind of map has no types */
    __array(values, int(struct xdp_md *));
} programs SEC(".maps") = {.values = {[STEER_ICMP] = balancer_icmp, [STEER_OTHER] = balancer_other}};

/* Whether it may spend a token: of its tenant's plan, or of those for answers. */
static always_inline bool may_spend(const struct packet *p)
{
    bool is_later_tcp = p->kind == KIND_FLOW && p->tuple.protocol == PROTOCOL_TCP && !(p->tcp_flags & TCP_SYN);
    return p->kind != KIND_FOREIGN && !is_later_tcp;
}

SEC("xdp")
int balancer(struct xdp_md *ctx)
{
    struct parked *place = parking_place();
    const struct control_in *in = control_line();
    if (!in || !place)
        return XDP_PASS;
    struct core core = core_of(in, &place->zero);
    struct packet packet = {.engine = ctx, .verdict = VERDICT_PASS};
    in_memory(&packet);
    take_bounds(&packet);
    packet.in_len = (u32)(packet.end - packet.data);
    place->now_ns = place->exact_ns = in->has_clock ? in->now_ns : bpf_ktime_get_coarse_ns();
    place->snapshot_first = core.snapshot_first;
    if (in->generation == 0 || !begin(&core, place))
        return pass(&core, &packet);
    adopt(&core);
    core_parse(&core, &packet);
    forget(&core, &packet);
    if (!in->has_clock && may_spend(&packet)) {
        place->exact_ns = bpf_ktime_get_ns();
        core.now_ticks = EPOCH_TICKS + place->exact_ns * TICKS_PER_NS;
    }
    enum steer rest = core_steer_exact(&core, &packet);
    if (rest != STEER_DONE) {
        park(place, &packet);
        bpf_tail_call(ctx, &programs, rest);
        return XDP_DROP; /* never, with all programs loaded */
    }
    return finish(&core, &packet);
}

char _license[] SEC("license") = "GPL";
