/* A packet on its way from one program of balancer.c to another, which has nothing of the first one's stack; and what helps the
 * verifier to forget, which knows no value that comes out of a map.
 *
 * One place a CPU: XDP is neither preempted nor interrupted by itself. */
#pragma once
#include "../core/parse.h"

struct parked {
    u64 zero; /* for ever, which only the verifier does not know: opaque() */
    u64 now_ns;         /* flows' clock: some milliseconds behind, for a fraction of the exact one's price */
    u64 exact_ns;       /* token buckets' clock, where the packet may spend a token */
    u32 snapshot_first; /* one packet, one generation */
    struct packet packet;
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, u32);
    __type(value, struct parked);
} parking SEC(".maps");

static always_inline struct parked *parking_place(void)
{
    u32 only = 0;
    return bpf_map_lookup_elem(&parking, &only);
}

static always_inline const struct control_in *control_line(void)
{
    u32 key = CONTROL_IN;
    return bpf_map_lookup_elem(&control, &key);
}

/* Where this worker's parts of the tables lie. */
static always_inline struct core core_of(const struct control_in *in, const volatile u64 *zero)
{
    return (struct core){
        .zero = zero,
        .snapshot_first = in->snapshot_first,
        .flow_first = in->flow_first,
        .flow_mask = in->flow_mask,
        .workers = in->workers,
        .counter_first = in->counter_first,
        .vip_counters = in->vip_counters,
        .backend_counters = in->backend_counters,
        .tenant_counters = in->tenant_counters,
    };
}

/* Resolves what a packet needs of the snapshot and of both clocks. */
static always_inline bool begin(struct core *core, const struct parked *place)
{
    bool is_ready = core_begin(core, place->now_ns);
    core->now_ticks = EPOCH_TICKS + place->exact_ns * TICKS_PER_NS;
    return is_ready;
}

/* The core of the packet that this CPU is at. False: never. */
static always_inline bool core_again(struct core *core)
{
    const struct parked *place = parking_place();
    const struct control_in *in = control_line();
    if (!place || !in)
        return false;
    *core = core_of(in, &place->zero);
    core->snapshot_first = place->snapshot_first;
    return begin(core, place);
}

/* Keeps the packet a structure on the stack: 160 bytes, where its fields as variables, which BPF has no registers for, are 300. */
static always_inline void in_memory(const struct packet *p)
{
    asm volatile("" : : "r"(p) : "memory");
}

/* Its pointers stay behind: a map must not hold any. */
static always_inline void park(struct parked *place, const struct packet *p)
{
    place->packet = *p;
    place->packet.data = place->packet.end = NULL_PTR;
    place->packet.engine = NULL_PTR;
}

/* Makes one state of the many that the verifier has followed here, whatever kinds of packet they came from. */
static always_inline void forget(const struct core *core, struct packet *p)
{
    p->kind = (u8)opaque(core, p->kind);
    p->fault = (u8)opaque(core, p->fault);
    p->fragment = (u8)opaque(core, p->fragment);
    p->is_v4 = (u8)opaque(core, p->is_v4);
    p->tcp_flags = (u8)opaque(core, p->tcp_flags);
    p->ttl = (u8)opaque(core, p->ttl);
    p->tuple.protocol = (u32)opaque(core, p->tuple.protocol);
    p->l3 = (u16)opaque(core, p->l3);
    take_bounds(p);
}

static always_inline void unpark(struct packet *p, const struct parked *place, struct xdp_md *ctx)
{
    *p = place->packet;
    in_memory(p);
    p->engine = ctx;
    take_bounds(p);
}
