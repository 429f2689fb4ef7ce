/* The parts of the core that are global functions in BPF: the verifier follows each once, for any arguments, and its callers for
 * any result, so that neither multiplies with the other. Included last, after the core.
 *
 * Such a function takes numbers, the context and memory of known size, but no structure with pointers: it builds its own core. */
#pragma once
#include "parked.h"

__noinline int walk_chain_far(struct xdp_md *ctx, u32 at, u32 total, struct chain *c)
{
    struct packet p = {.engine = ctx};
    take_bounds(&p);
    u8 *ip = pinned(p.data + in_frame(at));
    if (!c)
        return 0;
    if (ip + IPV6_BYTES <= p.end)
        *c = walk_chain(&p, ip, total);
    return 0;
}

static always_inline struct chain walk_chain_apart(const struct packet *p, const u8 *ip, u32 total)
{
    struct chain c = {.fault = VERDICT_MALFORMED};
    walk_chain_far(p->engine, (u32)(ip - p->data), total, &c);
    c.at = in_frame(c.at); /* what lies behind is a fault already */
    return c;
}

__noinline int destination_in_far(const struct tuple *t, u32 length, u32 has_port, struct destination *d)
{
    struct core core;
    if (!t || !d || !core_again(&core))
        return 0;
    *d = destination_in(&core, t, length, has_port);
    return 0;
}

static always_inline struct destination destination_in_apart(const struct core *core, const struct tuple *t, u32 length, bool has_port)
{
    struct destination d = {0, 0, 0};
    (void)core;
    destination_in_far(t, length, has_port, &d);
    return d;
}

__noinline int flow_room_far(u32 first, u32 second)
{
    struct packet p = {.bucket = {first, second}};
    struct core core;
    return core_again(&core) ? (int)flow_find_room(&core, &p) : FLOW_PLACES;
}

static always_inline u32 flow_find_room_apart(const struct core *core, const struct packet *p)
{
    (void)core;
    return (u32)flow_room_far(p->bucket[0], p->bucket[1]);
}

__noinline int flow_in_buckets_far(u64 fp, u32 first, u32 second, u32 vip_index)
{
    struct packet p = {.hash = {.fp = fp}, .bucket = {first, second}};
    struct core core;
    if (!core_again(&core))
        return 0;
    const struct vip *vip = vip_at(&core, vip_index);
    return vip ? (int)flow_in_buckets(&core, vip, &p) : 0;
}

static always_inline u32 flow_in_buckets_apart(const struct core *core, const struct vip *vip, const struct packet *p)
{
    (void)core;
    return (u32)flow_in_buckets_far(p->hash.fp, p->bucket[0], p->bucket[1], vip->index);
}

__noinline int tell_backends_far(u32 index, u32 mtu)
{
    struct core core;
    if (core_again(&core))
        tell_backends(&core, index, mtu);
    return 0;
}

static always_inline void tell_backends_apart(const struct core *core, u32 index, u32 mtu)
{
    (void)core;
    tell_backends_far(index, mtu);
}
